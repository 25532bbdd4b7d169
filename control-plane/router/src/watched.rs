//! A body on its way through: frame by frame, nothing kept. It ends with an error when it has more bytes than it may, or
//! when nothing comes for too long; so a peer that goes silent holds nothing for ever.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// Why a body broke off, or a backend was not reached.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

pin_project_lite::pin_project! {
    /// A body that is watched.
    pub struct Watched<B> {
        #[pin]
        inner: B,
        left: u64,
        idle: Duration,
        // Only there once the body has kept somebody waiting.
        silence: Option<Pin<Box<Sleep>>>,
        waiting: bool,
    }
}

impl<B> Watched<B> {
    /// A body of at most so many bytes, between whose frames at most so much time passes.
    pub fn new(inner: B, bytes_max: u64, idle: Duration) -> Self {
        Self { inner, left: bytes_max, idle, silence: None, waiting: false }
    }
}

impl<B> Body for Watched<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Fault>,
{
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = self.project();
        let Poll::Ready(frame) = this.inner.poll_frame(context) else {
            if !*this.waiting {
                *this.waiting = true;
                match this.silence {
                    Some(silence) => silence.as_mut().reset(Instant::now() + *this.idle),
                    None => *this.silence = Some(Box::pin(sleep(*this.idle))),
                }
            }
            let Some(silence) = this.silence else { return Poll::Pending };
            ready!(silence.as_mut().poll(context));
            return Poll::Ready(Some(Err("nothing came for too long".into())));
        };
        *this.waiting = false;
        let Some(frame) = frame else { return Poll::Ready(None) };
        let frame = frame.map_err(Into::into)?;
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        match this.left.checked_sub(bytes) {
            Some(left) => *this.left = left,
            None => return Poll::Ready(Some(Err("it has more bytes than are passed on".into()))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn too_many_bytes_are_an_error_and_so_is_silence() {
        let idle = Duration::from_millis(20);
        let whole = |max| Watched::new(Full::new(Bytes::from_static(b"12345")), max, idle).collect();
        assert_eq!(whole(5).await.unwrap().to_bytes(), "12345");
        assert!(whole(4).await.is_err());
        let error = Watched::new(Silent, 5, idle).collect().await.unwrap_err();
        assert_eq!(error.to_string(), "nothing came for too long");
    }

    struct Silent;

    impl Body for Silent {
        type Data = Bytes;
        type Error = Fault;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
            Poll::Pending
        }
    }
}
