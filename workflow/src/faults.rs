//! Fault points: places at which a test kills the process, armed with the feature `failpoints`.
//!
//! They lie before and after each step of composing, publishing, deploying and saving. Without the feature they are nothing.

/// The fault points of this crate. Those of the distribution database are listed beside them there.
pub const FAULT_POINTS: [&str; 25] = [
    "compose.before_git",
    "compose.after_git",
    "compose.before_finish",
    "compose.after_finish",
    "publish.before_tag_object",
    "publish.after_tag_object",
    "publish.before_decision",
    "publish.after_decision",
    "publish.before_tag",
    "publish.after_tag",
    "publish.after_branch",
    "publish.before_finish",
    "publish.after_finish",
    "deploy.before_decision",
    "deploy.after_decision",
    "deploy.before_activate",
    "deploy.after_activate",
    "deploy.before_finish",
    "deploy.after_finish",
    "save.before_decision",
    "save.after_decision",
    "save.before_activate",
    "save.after_activate",
    "save.before_finish",
    "save.after_finish",
];
