//! The page at `/` of a build without the console.

use axum::response::Html;

/// Says where to go instead of the console.
pub(crate) async fn page() -> Html<&'static str> {
    Html(PAGE)
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Conman</title><meta name="viewport" content="width=device-width"></head>
<body>
<main>
<h1>Conman</h1>
<p>The server runs. The console is not part of this build.</p>
<p><a href="/api/docs/">Read and try the HTTP API</a></p>
</main>
</body>
</html>
"#;
