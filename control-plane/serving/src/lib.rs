//! What the registry and licensing have in common. Both answer from memory: they look every few seconds at what is
//! published, take in what holds, and go on with what they have when the source is away. So an answer costs no call, and
//! what a service says is a function of the head of a request, of what it holds, and of the time.
//!
//! `settings` reads the surroundings, `source` is a bucket or a folder, `polled` what was taken in from one, `routing` the
//! snapshot, `asked` and `answer` the two ends of a request, `serve` connections and their end, `log` a line for each.

mod answer;
mod asked;
mod log;
mod polled;
mod routing;
mod serve;
mod settings;
mod source;

pub use answer::{Answer, etag, health};
pub use asked::{Asked, BadQuery, query};
pub use log::Log;
pub use polled::{Polled, Taken};
pub use routing::Routing;
pub use serve::{Service, listener, run, serve};
pub use settings::{Common, Settings};
pub use source::{Found, Source};
