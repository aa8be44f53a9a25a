//! Runs a test on both set-ups.

/// Defines tests that run twice: on the embedded default, and on MongoDB with PostgreSQL.
///
/// Each gets a fresh [`Harness`](crate::harness::Harness), which is checked for left-overs when the test is through.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($h:ident: &Harness) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn scenario($h: &$crate::harness::Harness) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                let h = $crate::harness::Harness::start($crate::harness::On::Embedded).await;
                scenario(&h).await;
                h.ends().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn team() {
                let h = $crate::harness::Harness::start($crate::harness::On::Team).await;
                scenario(&h).await;
                h.ends().await;
            }
        }
    )*};
}

/// Defines tests that run on the embedded default alone: what they try does not reach the databases.
macro_rules! embedded {
    ($($(#[$doc:meta])* async fn $name:ident($h:ident: &Harness) $body:block)*) => {$(
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            async fn scenario($h: &$crate::harness::Harness) $body
            let h = $crate::harness::Harness::start($crate::harness::On::Embedded).await;
            scenario(&h).await;
            h.ends().await;
        }
    )*};
}
