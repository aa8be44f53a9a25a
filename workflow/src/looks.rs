//! One look for all who ask the same thing at once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Shares looks at a database among those who ask the same question.
///
/// Whoever asks gets the answer of a look that began after they asked, never of one that was under way: an answer is as
/// new as if each had looked alone, and a thousand who ask at once cost two looks.
#[derive(Debug)]
pub(crate) struct Looks<K, V> {
    /// By question, who waits for the next look. There is an entry exactly while somebody looks.
    waiting: Mutex<HashMap<K, Vec<oneshot::Sender<V>>>>,
}

impl<K, V> Default for Looks<K, V> {
    fn default() -> Self {
        Self { waiting: Mutex::default() }
    }
}

impl<K, V> Looks<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Asks. `None` where the look brought nothing to share, e.g. because it failed: look alone then.
    pub(crate) async fn ask<F, Fut>(self: &Arc<Self>, key: K, look: F) -> Option<V>
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = Option<V>> + Send,
    {
        let (sender, receiver) = oneshot::channel();
        let is_first = match self.waiting.lock().entry(key.clone()) {
            std::collections::hash_map::Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(sender);
                false
            }
            std::collections::hash_map::Entry::Vacant(nobody) => {
                nobody.insert(vec![sender]);
                true
            }
        };
        if is_first {
            // A task of its own: who asked first may hang up, and others wait for the same look.
            let mut looking = Looking { looks: Arc::clone(self), key, is_over: false };
            tokio::spawn(async move {
                while let Some(asked) = looking.next() {
                    if let Some(answer) = look().await {
                        asked.into_iter().for_each(|sender| drop(sender.send(answer.clone())));
                    }
                }
            });
        }
        receiver.await.ok()
    }
}

/// Somebody who looks for others.
struct Looking<K: Eq + Hash, V> {
    looks: Arc<Looks<K, V>>,
    key: K,
    is_over: bool,
}

impl<K: Eq + Hash, V> Looking<K, V> {
    /// Those who have asked by now; none of them later. `None` if there is nobody: it is over.
    fn next(&mut self) -> Option<Vec<oneshot::Sender<V>>> {
        let mut waiting = self.looks.waiting.lock();
        let asked = waiting.get_mut(&self.key).map(std::mem::take).unwrap_or_default();
        if asked.is_empty() {
            waiting.remove(&self.key);
            self.is_over = true;
            return None;
        }
        Some(asked)
    }
}

impl<K: Eq + Hash, V> Drop for Looking<K, V> {
    fn drop(&mut self) {
        // Where a look panics or the runtime ends, those who wait are told that nothing comes.
        if !self.is_over {
            self.looks.waiting.lock().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    /// Who looks finds out that nobody waits any more just after the last one was answered.
    async fn is_over<K: Eq + Hash, V>(looks: &Looks<K, V>) {
        let ends = async {
            while !looks.waiting.lock().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ends).await.expect("nobody looks for nobody");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_answer_is_of_a_look_that_began_later() {
        let (looks, begun) = (Arc::new(Looks::default()), Arc::new(AtomicU32::new(0)));
        let ask = |pause: u64| {
            let (looks, begun) = (Arc::clone(&looks), Arc::clone(&begun));
            async move {
                tokio::time::sleep(Duration::from_micros(pause)).await;
                let before = begun.load(Ordering::SeqCst);
                let look = move || {
                    let begun = Arc::clone(&begun);
                    async move {
                        let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        Some(number)
                    }
                };
                let answer = looks.ask("key", look).await;
                (before, answer.expect("the look succeeds"))
            }
        };
        let answers = join_all((0..2_000).map(|n| ask(n * 10))).await;
        assert!(answers.iter().all(|(before, answer)| answer > before));
        let looked = begun.load(Ordering::SeqCst);
        assert!(looked < 1_000, "{looked} looks for 2,000 who asked");
        is_over(&looks).await;
    }

    #[tokio::test]
    async fn who_asks_is_told_when_nothing_comes() {
        let looks: Arc<Looks<u32, u32>> = Arc::default();
        assert_eq!(looks.ask(1, || async { None }).await, None);
        let panics = || async { panic!("on purpose") };
        assert_eq!(looks.ask(2, panics).await, None);
        // Who hangs up takes nothing from the others.
        let slow = || async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some(3)
        };
        let hung_up = tokio::time::timeout(Duration::from_millis(1), looks.ask(3, slow)).await;
        assert!(hung_up.is_err());
        assert_eq!(looks.ask(3, slow).await, Some(3));
        is_over(&looks).await;
    }
}
