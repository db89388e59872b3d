//! TLS handshakes under way: each within a time, all within a number. With one too many the oldest
//! is given up: who shakes hands in good faith needs two round trips, so that whoever fills the
//! number with silence displaces silence.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Handshakes under way.
pub struct Handshakes {
    most: usize,
    under_way: Mutex<UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    begun: u64,
    /// By age.
    give_up: BTreeMap<u64, oneshot::Sender<()>>,
}

/// One of them, until it is dropped.
struct Handshake<'a> {
    of: &'a Handshakes,
    number: u64,
    given_up: oneshot::Receiver<()>,
}

impl Handshakes {
    /// At most so many, at least one.
    pub fn new(most: usize) -> Arc<Handshakes> {
        Arc::new(Handshakes { most: most.max(1), under_way: Mutex::default() })
    }

    /// Lets `shake` take at most `time`, and less when it is displaced.
    ///
    /// # Errors
    /// The handshake's own, or that it took too long.
    pub async fn within<T>(
        &self,
        time: Duration,
        shake: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let mut this = self.begin();
        let (done, why) = tokio::select! {
            biased;
            shaken = timeout(time, shake) => match shaken {
                Ok(done) => (done, "failed"),
                Err(_) => (Err(slow("it took too long")), "slow"),
            },
            _ = &mut this.given_up => (Err(slow("there were newer ones")), "displaced"),
        };
        if done.is_err() {
            metrics::counter!("callboard_tls_handshakes_failed_total", "why" => why).increment(1);
        }
        done
    }

    fn begin(&self) -> Handshake<'_> {
        let (sender, given_up) = oneshot::channel();
        let mut under_way = self.lock();
        if under_way.give_up.len() >= self.most
            && let Some((_, oldest)) = under_way.give_up.pop_first()
        {
            // It may just have ended by itself.
            let _ = oldest.send(());
        }
        under_way.begun += 1;
        let number = under_way.begun;
        under_way.give_up.insert(number, sender);
        drop(under_way);
        Handshake { of: self, number, given_up }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.of.lock().give_up.remove(&self.number);
    }
}

fn slow(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_makes_room_and_the_slow_are_given_up() {
        let handshakes = Handshakes::new(2);
        let begin = |ms| {
            let handshakes = Arc::clone(&handshakes);
            let within = Duration::from_millis(ms);
            tokio::spawn(async move {
                handshakes.within(within, std::future::pending::<io::Result<()>>()).await
            })
        };
        let (first, second) = (begin(60_000), begin(20));
        tokio::task::yield_now().await;
        let quick = handshakes.within(Duration::from_secs(10), async { Ok(7) }).await;
        assert_eq!(quick.expect("in time"), 7);
        let displaced = first.await.expect("ended").expect_err("displaced").to_string();
        assert_eq!(displaced, "there were newer ones");
        let slow = second.await.expect("ended").expect_err("slow").to_string();
        assert_eq!(slow, "it took too long");
        assert!(handshakes.lock().give_up.is_empty(), "all have left");
    }
}
