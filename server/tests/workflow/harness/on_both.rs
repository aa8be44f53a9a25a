//! Runs a test on both set-ups.

/// Makes tests of functions that take a [`Harness`](crate::harness::Harness): each runs twice, on the embedded default,
/// and on MongoDB with PostgreSQL.
///
/// Each run gets a fresh harness, which is checked for left-overs when the function is through. With `runners: 0;`
/// before them, the functions start the job runners themselves.
macro_rules! on_both {
    (runners: $runners:literal; $($name:ident,)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                let h = $crate::harness::Harness::with($crate::harness::On::Embedded, $runners).await;
                super::$name(&h).await;
                h.ends().await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn team() {
                let h = $crate::harness::Harness::with($crate::harness::On::Team, $runners).await;
                super::$name(&h).await;
                h.ends().await;
            }
        }
    )*};
    ($($name:ident,)*) => { on_both! { runners: 1; $($name,)* } };
}

/// Makes tests that run on the embedded default alone: what they try does not reach the databases.
macro_rules! embedded {
    ($($name:ident,)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                let h = $crate::harness::Harness::with($crate::harness::On::Embedded, 1).await;
                super::$name(&h).await;
                h.ends().await;
            }
        }
    )*};
}
