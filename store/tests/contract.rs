//! The store's contract: one set of tests, run on SQLite in a temporary folder and on a real MongoDB replica set.
//!
//! `CONMAN_TEST_MONGODB` names the replica set, such as `mongodb://127.0.0.1:27017/?replicaSet=rs0`, whose
//! `transactionLifetimeLimitSeconds` is 5. Each test has a database of its own there and drops it.

#![expect(clippy::unwrap_used, reason = "a step that fails fails its test")]

#[path = "contract/batches.rs"]
mod batches;
#[path = "contract/crash.rs"]
mod crash;
#[path = "contract/documents.rs"]
mod documents;
#[path = "contract/opening.rs"]
mod opening;
#[path = "contract/place.rs"]
mod place;
#[path = "contract/queries.rs"]
mod queries;
#[path = "contract/racing.rs"]
mod racing;
#[path = "contract/things.rs"]
mod things;

/// Makes two tests of each function: one on an embedded store, one on MongoDB.
macro_rules! on_both {
    ($($module:ident::$name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::place::Place::embedded().run(crate::$module::$name).await;
                }
            )*
        }

        mod mongodb {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::place::Place::on_mongodb().run(crate::$module::$name).await;
                }
            )*
        }
    };
}

on_both! {
    batches::a_document_is_written_read_replaced_and_deleted,
    batches::several_documents_are_read_by_their_ids,
    batches::missing_changed_and_existing_are_told_apart,
    batches::a_refused_batch_writes_nothing,
    batches::a_contradictory_batch_is_refused,
    batches::a_check_beside_a_write_of_the_same_version_is_no_contradiction,
    batches::a_large_batch_is_committed_whole,
    batches::unique_indexes_refuse_the_second,
    batches::partial_indexes_restrict_what_they_cover,
    batches::writes_happen_in_their_order,
    batches::an_abandoned_commit_is_whole_or_absent,
    documents::any_json_comes_back,
    documents::any_top_level_name_comes_back,
    documents::instants_come_back_and_sort,
    documents::hostile_strings_find_only_themselves,
    documents::what_cannot_be_held_is_refused,
    documents::fifteen_megabytes_are_stored_and_seventeen_refused,
    documents::a_document_of_another_shape_is_unreadable,
    documents::a_commit_is_answered_under_another_number,
    queries::pages_are_stable_and_counted,
    queries::values_bind_in_order,
    queries::ranges_have_ends,
    queries::nulls_come_first_and_can_be_asked_for,
    queries::numbers_and_booleans_are_compared,
    queries::restricted_indexes_answer_for_what_they_cover,
    queries::what_no_index_serves_is_refused,
    queries::every_shape_of_query_is_served_by_its_index,
    racing::transfers_keep_the_sum,
    racing::a_check_prevents_write_skew,
    racing::exactly_one_of_fifty_replacements_wins,
    racing::exactly_one_of_fifty_inserts_wins,
    racing::exactly_one_of_fifty_holds_a_unique_value,
    racing::two_hundred_committers_on_one_document_lose_nothing,
    racing::two_stores_on_one_place_agree,
    opening::documents_outlive_the_store,
    opening::the_products_collections_are_sound,
    opening::indexes_follow_their_declaration,
    opening::a_closed_store_says_so,
    opening::the_clock_is_the_databases,
    crash::killed_committers_leave_whole_batches,
}
