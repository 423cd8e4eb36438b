//! The same work on several threads at once.

use std::io;
use std::iter::successors;
use std::thread::{self, Builder};

/// Does `work` on `count` threads at the same time, and waits for all of them.
///
/// # Errors
///
/// The first error of any of them, or that the system has no thread left.
pub(crate) fn at_once<T, W>(count: usize, work: W) -> io::Result<Vec<T>>
where
    T: Send,
    W: Fn() -> io::Result<T> + Sync,
{
    thread::scope(|scope| {
        let threads: io::Result<Vec<_>> =
            (0..count).map(|_| Builder::new().spawn_scoped(scope, &work)).collect();
        let panicked = |_| Err(io::Error::other("a thread panicked"));
        threads?
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(panicked))
            .collect()
    })
}

/// 1, 2, 4, 8 and so on, and `most` at the end. Nothing if `most` is 0.
pub(crate) fn sizes(most: usize) -> impl Iterator<Item = usize> {
    let first = Some(1).filter(|one| *one <= most);
    successors(first, move |n| (*n < most).then(|| most.min(n.saturating_mul(2))))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn crowds_grow_by_doubling() {
        let all = |most| sizes(most).collect::<Vec<_>>();
        assert_eq!(all(6), [1, 2, 4, 6]);
        assert_eq!((all(0), all(1), all(8)), (vec![], vec![1], vec![1, 2, 4, 8]));
    }

    #[test]
    fn all_work_at_the_same_time() -> io::Result<()> {
        let all = Barrier::new(5); // opens only when all five have reached it
        let done = at_once(5, || Ok(all.wait().is_leader()))?;
        assert_eq!(done.iter().filter(|leader| **leader).count(), 1);
        let failed = at_once(2, || io::Result::<()>::Err(ErrorKind::NotFound.into()));
        assert_eq!(failed.map_err(|error| error.kind()), Err(ErrorKind::NotFound));
        Ok(())
    }
}
