//! The outside: each adapter makes one kind of outside behave as its port says. None knows another, none knows
//! the verbs, and none decides when to stop or what is healthy.

pub mod aws;
pub mod builder;
pub mod checkout;
pub mod clock;
pub mod command;
pub mod github;
pub mod inputs;
pub mod licences;
pub mod probe;
pub mod signals;
pub mod sim;
