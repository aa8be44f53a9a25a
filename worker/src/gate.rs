//! The one place where the program's configuration changes: what is open, what waits, what is swapped.

use crate::boundary::{Boundary, Pending, SectionKind};
use crate::follower::Applied;
use crate::section::Section;
use crate::view::View;
use crate::wire::AppliedConfig;
use arc_swap::ArcSwapOption;
use chrono::Utc;
use conman_domain::Timestamp;
use conman_domain::name::ParameterName;
use conman_domain::snapshot::SnapshotParameter;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::sync::{Notify, broadcast};

/// How many applications a program may leave unread.
const UNREAD: usize = 1_024;

/// Sections that are open, by kind.
#[derive(Debug, Default)]
struct Open([u32; 4]);

impl Open {
    fn has(&self, kind: SectionKind) -> bool {
        self.0[kind as usize] > 0
    }

    fn hold_back(&self, boundary: Boundary) -> bool {
        SectionKind::ALL.into_iter().any(|kind| self.has(kind) && kind.holds_back(boundary))
    }
}

/// The newest accepted configuration.
#[derive(Debug)]
struct Target {
    view: Arc<View>,
    /// When it began to be fetched.
    began: Instant,
}

#[derive(Debug)]
struct State {
    open: Open,
    target: Option<Target>,
    /// The parameters that are not yet as in the target. One target, so at most one pending value of each.
    behind: BTreeSet<ParameterName>,
    /// Of these, those that met an open position, with the number of the heartbeat that they wait for besides.
    until_beat: BTreeMap<ParameterName, u64>,
    beats: u64,
    applied: Option<AppliedConfig>,
    changes: Option<broadcast::Sender<Applied>>,
}

/// What the gate has to tell in a report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overview {
    pub(crate) applied: Option<AppliedConfig>,
    pub(crate) pending: Vec<Pending>,
    pub(crate) restart_required: Vec<ParameterName>,
    pub(crate) stale: bool,
    pub(crate) forbidden_applications: u32,
}

/// Holds the view in use, and lets a newer one in only where no open section forbids it.
#[derive(Debug)]
pub(crate) struct Gate {
    live: ArcSwapOption<View>,
    state: Mutex<State>,
    /// Counted by the sections themselves and read by nothing that decides: the witness of the counter below.
    inside: [AtomicU32; 4],
    forbidden: AtomicU32,
    news: Notify,
}

/// Proof that no open section forbids to swap the view: a swap needs one, and only [`Gate::gap`] makes one. Nothing can
/// be entered while it exists.
struct Gap<'a>(MutexGuard<'a, State>);

impl Gate {
    pub(crate) fn new() -> (Arc<Self>, broadcast::Receiver<Applied>) {
        let (sender, receiver) = broadcast::channel(UNREAD);
        let state = State {
            open: Open::default(),
            target: None,
            behind: BTreeSet::new(),
            until_beat: BTreeMap::new(),
            beats: 0,
            applied: None,
            changes: Some(sender),
        };
        let gate = Self {
            live: ArcSwapOption::empty(),
            state: Mutex::new(state),
            inside: Default::default(),
            forbidden: AtomicU32::new(0),
            news: Notify::new(),
        };
        (Arc::new(gate), receiver)
    }

    /// The view in use; `None` before the first one.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.live.load_full()
    }

    /// Takes a newer complete view that the program accepts, and applies of it what may be applied by now.
    ///
    /// `changed` names what may differ from the view offered before; without it, everything may.
    pub(crate) fn offer(&self, view: Arc<View>, changed: Option<&BTreeSet<ParameterName>>, began: Instant) {
        let mut state = self.state.lock();
        let live = self.view();
        let candidates: BTreeSet<ParameterName> = match (changed, &live, &state.target) {
            (Some(changed), Some(_), Some(_)) => changed.union(&state.behind).cloned().collect(),
            _ => {
                let before = live.iter().flat_map(|live| live.parameters());
                before.chain(view.parameters()).map(|(name, _)| name.clone()).collect()
            }
        };
        let replaced = state.target.take();
        state.behind = candidates;
        if let Some(live) = &live {
            state.behind.retain(|name| differs(live.raw(name), view.raw(name)));
        }
        // A value that is the same as the one that waited goes on waiting; another one begins anew.
        let State { until_beat, behind, .. } = &mut *state;
        until_beat.retain(|name, _| {
            behind.contains(name)
                && live.as_ref().and_then(|live| boundary_between(live, &view, name))
                    == Some(Boundary::PositionClose)
                && replaced.as_ref().is_some_and(|old| !differs(old.view.raw(name), view.raw(name)))
        });
        state.target = Some(Target { view, began });
        self.settle(state);
        self.news.notify_one();
    }

    /// Opens a section; `None` before the first view.
    pub(crate) fn enter(self: &Arc<Self>, kind: SectionKind) -> Option<Section> {
        let mut state = self.state.lock();
        let view = self.view()?;
        state.open.0[kind as usize] += 1;
        state.note_positions(Some(&view));
        self.inside[kind as usize].fetch_add(1, Ordering::Relaxed);
        Some(Section::opened(kind, view, Arc::clone(self)))
    }

    /// Closes a section, and applies what waited for that.
    pub(crate) fn leave(&self, kind: SectionKind) {
        self.inside[kind as usize].fetch_sub(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        state.open.0[kind as usize] -= 1;
        self.settle(state);
    }

    /// Counts a heartbeat, and applies what waited for it.
    pub(crate) fn heartbeat(&self) {
        let mut state = self.state.lock();
        state.beats += 1;
        self.settle(state);
    }

    /// Waits until there is something new to report.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Tells nobody of applications any more.
    pub(crate) fn close(&self) {
        self.state.lock().changes.take();
    }

    pub(crate) fn overview(&self) -> Overview {
        let state = self.state.lock();
        let Some(live) = self.view() else {
            return Overview::default();
        };
        let mut overview = Overview {
            applied: state.applied.clone(),
            stale: live.is_stale(),
            forbidden_applications: self.forbidden.load(Ordering::Relaxed),
            ..Overview::default()
        };
        for (name, boundary) in state.waiting(&live) {
            match boundary {
                Boundary::Restart => overview.restart_required.push(name),
                Boundary::DecisionCycleEnd | Boundary::PositionClose => {
                    overview.pending.push(Pending { name, boundary });
                }
            }
        }
        overview
    }

    /// Applies what may be applied by now.
    fn settle(&self, mut state: MutexGuard<'_, State>) {
        state.note_positions(self.view().as_deref());
        if let Some(gap) = Self::gap(state) {
            self.swap(gap);
        }
    }

    /// Finds out whether anything at all may be swapped.
    fn gap(state: MutexGuard<'_, State>) -> Option<Gap<'_>> {
        (!state.open.hold_back(Boundary::DecisionCycleEnd)).then_some(Gap(state))
    }

    /// The one moment at which the program's configuration changes.
    fn swap(&self, Gap(mut state): Gap<'_>) {
        let Some(Target { view: target, began }) = &state.target else {
            return;
        };
        let (target, began) = (Arc::clone(target), *began);
        let Some(live) = self.view() else {
            let changed = std::mem::take(&mut state.behind);
            return self.publish(&mut state, target, began, changed);
        };
        let stays: BTreeSet<ParameterName> = state
            .waiting(&live)
            .into_iter()
            .filter(|(name, boundary)| !state.may_apply(name, *boundary))
            .map(|(name, _)| name)
            .collect();
        let changed: BTreeSet<ParameterName> = state.behind.difference(&stays).cloned().collect();
        if changed.is_empty() && live.is_of(&target) {
            return;
        }
        self.witness(&live, &target, &changed);
        for name in &changed {
            state.until_beat.remove(name);
        }
        let next = if stays.is_empty() { target } else { Arc::new(target.with_older(&live, stays.iter())) };
        state.behind = stays;
        self.publish(&mut state, next, began, changed);
    }

    fn publish(&self, state: &mut State, view: Arc<View>, began: Instant, changed: BTreeSet<ParameterName>) {
        let at = Timestamp::new(Utc::now());
        let provenance = view.provenance().clone();
        state.applied = Some(AppliedConfig { provenance: provenance.clone(), applied_at: at });
        let applied = Applied {
            activated_at: view.activated_at(),
            at,
            took: began.elapsed(),
            changed: changed.into_iter().collect(),
            provenance,
        };
        let version = view.version().0;
        self.live.store(Some(view));
        tracing::debug!(event = "config_change_applied", version, "applied");
        if let Some(changes) = &state.changes {
            // The program may have stopped listening.
            let _ = changes.send(applied);
        }
        self.news.notify_one();
    }

    /// Counts what is about to be applied inside a section that forbids it, by the sections' own count.
    fn witness(&self, live: &View, target: &View, changed: &BTreeSet<ParameterName>) {
        let inside = |kind: SectionKind| self.inside[kind as usize].load(Ordering::Relaxed) > 0;
        let short = [SectionKind::DecisionCycle, SectionKind::Inference, SectionKind::Critical];
        let anything = short.into_iter().any(inside);
        let forbidden = changed
            .iter()
            .filter_map(|name| boundary_between(live, target, name))
            .filter(|boundary| match boundary {
                Boundary::DecisionCycleEnd => anything,
                Boundary::PositionClose => anything || inside(SectionKind::Position),
                Boundary::Restart => true,
            })
            .count();
        let forbidden = u32::try_from(forbidden).unwrap_or(u32::MAX).max(u32::from(anything));
        if forbidden > 0 {
            tracing::error!(
                forbidden,
                "applied inside a section that forbids it: this is a fault of the library"
            );
            self.forbidden.fetch_add(forbidden, Ordering::Relaxed);
        }
    }
}

impl State {
    /// What differs from the target, with what it waits for.
    fn waiting(&self, live: &View) -> Vec<(ParameterName, Boundary)> {
        let Some(target) = &self.target else {
            return Vec::new();
        };
        let boundary = |name: &ParameterName| boundary_between(live, &target.view, name);
        self.behind.iter().filter_map(|name| Some((name.clone(), boundary(name)?))).collect()
    }

    /// Makes risk limits that meet an open position wait for the next heartbeat too.
    fn note_positions(&mut self, live: Option<&View>) {
        let Some(live) = live.filter(|_| self.open.has(SectionKind::Position)) else {
            return;
        };
        let next = self.beats + 1;
        for (name, boundary) in self.waiting(live) {
            if boundary == Boundary::PositionClose {
                self.until_beat.entry(name).or_insert(next);
            }
        }
    }

    fn may_apply(&self, name: &ParameterName, boundary: Boundary) -> bool {
        boundary != Boundary::Restart
            && !self.open.hold_back(boundary)
            && self.until_beat.get(name).is_none_or(|beat| *beat <= self.beats)
    }
}

/// Whether a program would notice: another value or type, or a parameter that is new or gone.
fn differs(one: Option<&SnapshotParameter>, other: Option<&SnapshotParameter>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (&one.value, one.kind) != (&other.value, other.kind),
        (one, other) => one.is_some() != other.is_some(),
    }
}

/// The newer declaration decides; of a parameter that is gone, the older one.
fn boundary_between(live: &View, target: &View, name: &ParameterName) -> Option<Boundary> {
    target.raw(name).or_else(|| live.raw(name)).map(Boundary::of)
}
