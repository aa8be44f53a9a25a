//! The databases that tests get are real, empty, apart from each other, and gone afterwards.

use conman_testkit::{MongoDatabase, PostgresDatabase};
use mongodb::bson::{Document, doc};
use tokio_postgres::NoTls;

async fn postgres(url: &str) -> anyhow::Result<tokio_postgres::Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn a_postgres_database_is_empty_and_goes_with_its_value_even_while_someone_is_connected()
-> anyhow::Result<()> {
    let database = PostgresDatabase::fresh().await?;
    let other = PostgresDatabase::fresh().await?;
    let inside = postgres(database.url()).await?;
    inside.batch_execute("CREATE TABLE t (id int)").await?;
    let beside = postgres(other.url()).await?;
    assert!(beside.query("SELECT 1 FROM t", &[]).await.is_err(), "databases must not share tables");

    let name = database.name().to_owned();
    drop(database);

    let server = postgres(&conman_testkit::postgres_server()?).await?;
    let left = server.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await?;
    assert!(left.is_empty(), "{name} is still there");
    Ok(())
}

#[tokio::test]
async fn postgres_syncs_to_disk_because_tests_kill_processes() -> anyhow::Result<()> {
    let server = postgres(&conman_testkit::postgres_server()?).await?;
    let row = server.query_one("SHOW fsync", &[]).await?;
    assert_eq!(row.get::<_, &str>(0), "on");
    Ok(())
}

#[tokio::test]
async fn a_mongodb_database_takes_transactions_and_goes_with_its_value() -> anyhow::Result<()> {
    let database = MongoDatabase::fresh().await?;
    let client = mongodb::Client::with_uri_str(database.url()).await?;
    let default = client.default_database().expect("the address names the database");
    assert_eq!(default.name(), database.name());
    default.create_collection("t").await?;
    let collection = default.collection::<Document>("t");

    let mut session = client.start_session().await?;
    session.start_transaction().await?;
    collection.insert_one(doc! { "_id": "a" }).session(&mut session).await?;
    session.abort_transaction().await?;
    assert_eq!(collection.count_documents(doc! {}).await?, 0, "an aborted transaction leaves nothing");

    session.start_transaction().await?;
    collection.insert_one(doc! { "_id": "b" }).session(&mut session).await?;
    session.commit_transaction().await?;
    assert_eq!(collection.count_documents(doc! {}).await?, 1);

    let name = database.name().to_owned();
    drop(database);
    let names = client.list_database_names().await?;
    assert!(!names.contains(&name), "{name} is still there");
    Ok(())
}
