//! tidegate.

fn main(){}
