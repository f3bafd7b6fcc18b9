//! What the phases return that have nothing to wait for: a future that is done as soon as it is made.
//!
//! Pingora wants a box from every phase. These futures hold nothing, and a box of nothing is no allocation; one made
//! by `async fn` holds its arguments, and there are nine phases in a request.

use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::task::Poll;

use pingora::Result;

/// A boxed future, as `async_trait` spells the result of a phase.
pub(super) type Phase<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The phase is over.
pub(super) fn over<'a>() -> Phase<'a, ()> {
    Box::pin(poll_fn(|_| Poll::Ready(())))
}

/// The phase is over, well or not.
pub(super) fn done<'a>(result: Result<()>) -> Phase<'a, Result<()>> {
    match result {
        Ok(()) => Box::pin(poll_fn(|_| Poll::Ready(Ok(())))),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

/// The answer of a phase that asks.
pub(super) fn answer<'a>(result: Result<bool>) -> Phase<'a, Result<bool>> {
    match result {
        Ok(true) => Box::pin(poll_fn(|_| Poll::Ready(Ok(true)))),
        Ok(false) => Box::pin(poll_fn(|_| Poll::Ready(Ok(false)))),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_usual_results_are_of_no_size() {
        assert_eq!(size_of_val(&*over()), 0);
        assert_eq!(size_of_val(&*done(Ok(()))), 0);
        assert_eq!(size_of_val(&*answer(Ok(true))), 0);
        assert!(answer(Ok(true)).await.is_ok_and(|yes| yes));
        assert!(answer(Ok(false)).await.is_ok_and(|yes| !yes));
        let error = || pingora::Error::new(pingora::ErrorType::InternalError);
        assert!(done(Err(error())).await.is_err());
        assert!(answer(Err(error())).await.is_err());
    }
}
