//! Runs a test on both set-ups.

/// Defines tests that run twice: on the embedded default, and on MongoDB with PostgreSQL.
///
/// Each gets a fresh [`Harness`](crate::harness::Harness), which is checked for left-overs when the test is through.
/// With `runners: 0;` before them, tests start the job runners themselves.
macro_rules! on_both {
    (runners: $runners:literal; $($(#[$doc:meta])* async fn $name:ident($h:ident: &Harness) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn scenario($h: &$crate::harness::Harness) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                let h = $crate::harness::Harness::with($crate::harness::On::Embedded, $runners).await;
                scenario(&h).await;
                h.ends().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn team() {
                let h = $crate::harness::Harness::with($crate::harness::On::Team, $runners).await;
                scenario(&h).await;
                h.ends().await;
            }
        }
    )*};
    ($($tests:tt)*) => { on_both! { runners: 1; $($tests)* } };
}

/// Defines tests that run on the embedded default alone: what they try does not reach the databases.
macro_rules! embedded {
    ($($(#[$doc:meta])* async fn $name:ident($h:ident: &Harness) $body:block)*) => {$(
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            async fn scenario($h: &$crate::harness::Harness) $body
            let h = $crate::harness::Harness::with($crate::harness::On::Embedded, 1).await;
            scenario(&h).await;
            h.ends().await;
        }
    )*};
}
