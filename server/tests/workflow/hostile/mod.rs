//! Hostile inputs, at every entrance of the API that takes them. Tests bear the number of their row in the list of
//! hostile inputs; routes come from the OpenAPI document, so that new ones are covered by themselves.

mod api;
mod bodies;
mod headers;
mod ids;
mod imports;
mod keys;
mod lists;
mod paths;
mod texts;
