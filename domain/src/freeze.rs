//! Freeze windows: times at which an environment refuses writes.

use crate::id::{AppId, EnvironmentId, FreezeWindowId, UserId};
use crate::time::Timestamp;
use chrono::{Days, NaiveDateTime, TimeDelta, TimeZone, Utc};
use rrule::{Frequency, RRule, RRuleSet, Tz, Unvalidated};
use serde::{Deserialize, Serialize};

/// The longest that one freeze may last, in minutes: 31 days.
pub const MAX_MINUTES: u32 = 31 * 24 * 60;
/// The longest name and the longest text for the banner, in characters.
pub const MAX_TEXT: usize = 200;
/// The longest recurrence rule, in bytes.
const MAX_RULE: usize = 500;
/// How long ago a recurrence may have begun that has to be counted through from there, in days.
const MAX_COUNTED: i64 = 5 * 366;
/// How a local time is written.
const LOCAL: &str = "%Y-%m-%dT%H:%M";

/// A time, or times that come back, at which an environment refuses writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FreezeWindow {
    /// Its id.
    pub id: FreezeWindowId,
    /// The app.
    pub app_id: AppId,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// What people call it, e.g. `Weekend`.
    pub name: String,
    /// What people are told while it lasts; may be empty.
    pub banner: String,
    /// When.
    pub schedule: FreezeSchedule,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// When an environment is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FreezeSchedule {
    /// From one instant to another.
    Once {
        /// The first instant.
        starts_at: Timestamp,
        /// The first instant after it.
        ends_at: Timestamp,
    },
    /// Again and again, by the clock on a wall.
    Recurring {
        /// The recurrence by RFC 5545 without `DTSTART`, e.g. `FREQ=WEEKLY;BYDAY=FR`. Daily at most.
        rule: String,
        /// The time zone by its IANA name, e.g. `Europe/Berlin`.
        time_zone: String,
        /// The local time at which the recurrence begins, as `YYYY-MM-DDTHH:MM`; each freeze begins at its time of day.
        starts_at: String,
        /// How long each freeze lasts, in minutes.
        minutes: u32,
    },
}

/// One freeze: from its first instant to the first one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freeze {
    /// The first instant.
    pub starts_at: Timestamp,
    /// The first instant after it.
    pub ends_at: Timestamp,
}

/// Somebody set a freeze aside for one write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreezeOverride {
    /// The windows that were in force; no other is set aside.
    pub window_ids: Vec<FreezeWindowId>,
    /// Who.
    pub user_id: UserId,
    /// Why.
    pub reason: String,
}

/// A field of a schedule that is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleProblem {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong.
    pub message: String,
}

fn wrong<T>(field: &'static str, message: impl Into<String>) -> Result<T, ScheduleProblem> {
    Err(ScheduleProblem { field, message: message.into() })
}

impl FreezeSchedule {
    /// Says what is wrong with a schedule that is asked for; one that never freezes anything again is wrong too.
    pub fn check(&self, now: Timestamp) -> Result<(), ScheduleProblem> {
        let last = match self {
            Self::Once { starts_at, ends_at } => {
                if ends_at <= starts_at {
                    return wrong("ends_at", "a freeze ends after it starts");
                }
                if ends_at.since(*starts_at) > TimeDelta::minutes(MAX_MINUTES.into()) {
                    return wrong(
                        "ends_at",
                        "a freeze lasts 31 days at most; make several, or a recurring one",
                    );
                }
                (*ends_at > now).then_some(())
            }
            Self::Recurring { .. } => {
                let recurrence = self.recurrence()?;
                if recurrence.as_ref().is_some_and(|recurrence| recurrence.counted_days(now) > MAX_COUNTED) {
                    return wrong(
                        "starts_at",
                        "a rule that is monthly, yearly or has a COUNT begins within the last five years",
                    );
                }
                recurrence.and_then(|recurrence| recurrence.first_ending_after(now)).map(|_| ())
            }
        };
        match (last, self) {
            (Some(()), _) => Ok(()),
            (None, Self::Once { .. }) => wrong("ends_at", "this is over already"),
            (None, Self::Recurring { .. }) => {
                wrong("rule", "by this rule there is no freeze any more; look at COUNT, UNTIL and the days")
            }
        }
    }

    /// The freeze that an instant lies in; of several the one that ends last.
    pub fn at(&self, now: Timestamp) -> Option<Freeze> {
        let covers = |freeze: &Freeze| freeze.starts_at <= now && now < freeze.ends_at;
        match self {
            Self::Once { starts_at, ends_at } => {
                Some(Freeze { starts_at: *starts_at, ends_at: *ends_at }).filter(covers)
            }
            Self::Recurring { .. } => self
                .recurrence()
                .ok()??
                .from(now)
                .take_while(|freeze| freeze.starts_at <= now)
                .filter(covers)
                .last(),
        }
    }

    /// The freeze that comes next, after any that an instant lies in.
    pub fn next(&self, now: Timestamp) -> Option<Freeze> {
        match self {
            Self::Once { starts_at, ends_at } => Some(Freeze { starts_at: *starts_at, ends_at: *ends_at })
                .filter(|freeze| freeze.starts_at > now),
            Self::Recurring { .. } => {
                self.recurrence().ok()??.from(now).find(|freeze| freeze.starts_at > now)
            }
        }
    }

    /// The recurrence, read; none for a schedule without one.
    fn recurrence(&self) -> Result<Option<Recurrence>, ScheduleProblem> {
        let Self::Recurring { rule, time_zone, starts_at, minutes } = self else { return Ok(None) };
        if !(1..=MAX_MINUTES).contains(minutes) {
            return wrong("minutes", format!("a freeze lasts from 1 to {MAX_MINUTES} minutes"));
        }
        let Ok(zone) = time_zone.parse::<chrono_tz::Tz>() else {
            return wrong(
                "time_zone",
                "name a time zone of the IANA database, e.g. `Europe/Berlin` or `UTC`",
            );
        };
        let Ok(local) = NaiveDateTime::parse_from_str(starts_at, LOCAL) else {
            return wrong("starts_at", "write the local time as `YYYY-MM-DDTHH:MM`");
        };
        // Within what the recurrence library holds to be a date at all.
        if !(1970..=2200).contains(&chrono::Datelike::year(&local)) {
            return wrong("starts_at", "the year is between 1970 and 2200");
        }
        if rule.len() > MAX_RULE {
            return wrong("rule", format!("a rule has {MAX_RULE} characters at most"));
        }
        let read: RRule<Unvalidated> = match rule.parse() {
            Ok(read) => read,
            Err(error) => return wrong("rule", format!("this is no recurrence rule (RFC 5545): {error}")),
        };
        let often = matches!(read.get_freq(), Frequency::Hourly | Frequency::Minutely | Frequency::Secondly);
        let in_day = [read.get_by_hour(), read.get_by_minute(), read.get_by_second()]
            .iter()
            .any(|list| !list.is_empty());
        if often || in_day {
            return wrong("rule", "freezes come back daily at most; the time of day is that of `starts_at`");
        }
        let zone = Tz::from(zone);
        let Some(start) = zone.from_local_datetime(&local).earliest() else {
            return wrong(
                "starts_at",
                format!("there is no such time in {time_zone}: the clock is put forward"),
            );
        };
        if let Err(error) = read.clone().validate(start) {
            return wrong("rule", format!("this rule does not hold: {error}"));
        }
        Ok(Some(Recurrence { rule: read, zone, local, length: TimeDelta::minutes((*minutes).into()) }))
    }
}

/// A rule that was read, with its beginning.
struct Recurrence {
    rule: RRule<Unvalidated>,
    zone: Tz,
    local: NaiveDateTime,
    length: TimeDelta,
}

impl Recurrence {
    fn first_ending_after(&self, now: Timestamp) -> Option<Freeze> {
        self.from(now).find(|freeze| freeze.ends_at > now)
    }

    /// The freezes in order, from one that ended before an instant or so.
    fn from(&self, now: Timestamp) -> impl Iterator<Item = Freeze> + use<> {
        let (zone, length) = (self.zone, self.length);
        // By the clock on the wall alone, as if it were never put forward or back: no day is without its time then.
        let start = Tz::UTC.from_utc_datetime(&self.near(now));
        let mut rule = self.rule.clone();
        if let Some(until) = rule.get_until() {
            rule = rule.clone().until(Tz::UTC.from_utc_datetime(&until.with_timezone(&zone).naive_local()));
        }
        let set = rule.build(start).ok().map(RRuleSet::limit);
        set.into_iter().flat_map(|set| (&set).into_iter()).filter_map(move |start| {
            let starts_at = instant_of(zone, start.naive_utc())?;
            Some(Freeze { starts_at, ends_at: starts_at.plus(length) })
        })
    }

    /// How many days have to be counted through to come to an instant.
    fn counted_days(&self, now: Timestamp) -> i64 {
        (now.instant().naive_utc() - self.near(now)).num_days()
    }

    /// A beginning near an instant that gives the same freezes from there on, so that old rules cost no more than new ones.
    fn near(&self, now: Timestamp) -> NaiveDateTime {
        let days = match self.rule.get_freq() {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            _ => return self.local,
        };
        if self.rule.get_count().is_some() {
            return self.local;
        }
        let step = days * u64::from(self.rule.get_interval().max(1));
        // Two days more than the length, because of the zones.
        let since = now.instant().naive_utc() - self.length - TimeDelta::days(2) - self.local;
        let steps = u64::try_from(since.num_days()).unwrap_or(0) / step;
        self.local.checked_add_days(Days::new(steps * step)).unwrap_or(self.local)
    }
}

/// The instant of a local time. Of one that comes twice the first; one that the clock leaves out when it is put forward
/// is as long after the jump as it would be without it (RFC 5545, 3.3.5).
fn instant_of(zone: Tz, local: NaiveDateTime) -> Option<Timestamp> {
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.map(|found| found.with_timezone(&Utc)).or_else(|| {
        // A zone may leave out a whole day, when it changes sides of the date line.
        let before =
            (1..=2).find_map(|days| zone.from_local_datetime(&(local - TimeDelta::days(days))).latest())?;
        Some(local.and_utc() - (before.naive_local() - before.naive_utc()))
    });
    found.map(Timestamp::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn recurring(rule: &str, time_zone: &str, starts_at: &str, minutes: u32) -> FreezeSchedule {
        let (rule, time_zone) = (rule.to_owned(), time_zone.to_owned());
        FreezeSchedule::Recurring { rule, time_zone, starts_at: starts_at.to_owned(), minutes }
    }

    fn ends(schedule: &FreezeSchedule, now: &str) -> Option<String> {
        schedule.at(at(now)).map(|freeze| freeze.ends_at.to_string())
    }

    #[test]
    fn a_freeze_holds_from_its_first_instant_to_before_its_end() {
        let (starts_at, ends_at) = (at("2026-11-27T18:00:00Z"), at("2026-11-30T06:00:00Z"));
        let once = FreezeSchedule::Once { starts_at, ends_at };
        assert_eq!(once.check(at("2026-11-29T00:00:00Z")), Ok(()));
        assert_eq!(once.check(at("2026-12-01T00:00:00Z")).unwrap_err().field, "ends_at");
        assert_eq!(ends(&once, "2026-11-27T17:59:59.999Z"), None);
        assert_eq!(ends(&once, "2026-11-27T18:00:00Z").unwrap(), ends_at.to_string());
        assert_eq!(ends(&once, "2026-11-30T05:59:59.999Z").unwrap(), ends_at.to_string());
        assert_eq!(ends(&once, "2026-11-30T06:00:00Z"), None);
        assert_eq!(once.next(at("2026-11-01T00:00:00Z")).unwrap().starts_at, starts_at);
        assert_eq!(once.next(starts_at), None);
    }

    #[test]
    fn a_weekend_is_frozen_by_the_clock_on_the_wall() {
        // The clock in Berlin is put forward on the 29th of March 2026, and back on the 25th of October.
        let weekend = recurring("FREQ=WEEKLY;BYDAY=FR", "Europe/Berlin", "2026-01-02T18:00", 60 * 60);
        assert_eq!(weekend.check(at("2026-01-01T00:00:00Z")), Ok(()));
        assert_eq!(ends(&weekend, "2026-01-09T16:59:59Z"), None);
        assert_eq!(ends(&weekend, "2026-01-09T17:00:00Z").unwrap(), "2026-01-12T05:00:00.000Z");
        assert_eq!(ends(&weekend, "2026-07-03T15:59:59Z"), None);
        assert_eq!(ends(&weekend, "2026-07-03T16:00:00Z").unwrap(), "2026-07-06T04:00:00.000Z");
        assert_eq!(weekend.next(at("2026-07-03T16:00:00Z")).unwrap().starts_at, at("2026-07-10T16:00:00Z"));
        let night = recurring("FREQ=DAILY", "Europe/Berlin", "2020-01-01T02:30", 60);
        for day in 1..=31 {
            let begun = at(&format!("2026-03-{day:02}T00:00:00Z"));
            assert!(night.next(begun).is_some(), "{begun}");
        }
    }

    #[test]
    fn no_day_is_without_its_freeze_where_the_clock_jumps() {
        for (rule, zone, local, begins) in [
            // Midnight does not come; what would have been it is one o'clock.
            ("FREQ=WEEKLY;BYDAY=SU", "America/Santiago", "2026-01-04T00:00", "2026-09-06T04:00:00Z"),
            ("FREQ=WEEKLY;BYDAY=FR", "Africa/Cairo", "2026-01-02T00:00", "2026-04-23T22:00:00Z"),
            ("FREQ=DAILY", "Europe/Berlin", "2020-01-01T02:30", "2026-03-29T01:30:00Z"),
            // It comes twice; the first one counts.
            ("FREQ=WEEKLY;BYDAY=SU", "America/Havana", "2026-01-04T00:00", "2026-11-01T04:00:00Z"),
            ("FREQ=DAILY", "Europe/Berlin", "2020-01-01T02:30", "2026-10-25T00:30:00Z"),
            // A day that was left out.
            ("FREQ=DAILY", "Pacific/Apia", "2011-12-01T10:00", "2011-12-30T20:00:00Z"),
            (
                "FREQ=DAILY;UNTIL=20260906T040000Z",
                "America/Santiago",
                "2026-01-04T00:00",
                "2026-09-06T04:00:00Z",
            ),
        ] {
            let (schedule, begins) = (recurring(rule, zone, local, 60), at(begins));
            let before = begins.plus(-TimeDelta::milliseconds(1));
            assert_eq!(schedule.next(before).map(|freeze| freeze.starts_at), Some(begins), "{rule} {zone}");
            assert!(schedule.at(begins).is_some() && schedule.at(before).is_none(), "{rule} {zone}");
        }
    }

    #[test]
    fn what_has_to_be_counted_through_began_lately() {
        let now = at("2026-11-25T00:00:00Z");
        let field =
            |rule, begins| recurring(rule, "UTC", begins, 60).check(now).err().map(|wrong| wrong.field);
        for rule in ["FREQ=DAILY;COUNT=30000", "FREQ=MONTHLY", "FREQ=YEARLY;BYDAY=MO"] {
            assert_eq!(field(rule, "1970-01-01T00:00"), Some("starts_at"), "{rule}");
            assert_eq!(field(rule, "2022-01-01T00:00"), None, "{rule}");
        }
        assert_eq!(field("FREQ=DAILY", "1970-01-01T00:00"), None);
    }

    #[test]
    fn old_rules_give_what_new_ones_give() {
        for rule in
            ["FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH", "FREQ=WEEKLY;BYDAY=SU;WKST=SU"]
        {
            let old = recurring(rule, "America/New_York", "2001-01-01T22:00", 600);
            let slow = old.recurrence().unwrap().unwrap();
            let start = slow.zone.from_local_datetime(&slow.local).unwrap();
            let set = slow.rule.clone().build(start).unwrap();
            let wanted: Vec<i64> = (&set)
                .into_iter()
                .map(|start| start.timestamp())
                .skip_while(|s| *s < 1_780_000_000)
                .take(20)
                .collect();
            let mut now = Timestamp::from_millis(1_779_999_999_000);
            for wanted in wanted {
                let next = old.next(now).unwrap();
                assert_eq!(next.starts_at.seconds(), wanted, "{rule}");
                assert_eq!(old.at(next.starts_at).unwrap(), next);
                now = next.starts_at;
            }
        }
    }

    #[test]
    fn a_rule_that_counts_ends() {
        let twice = recurring("FREQ=DAILY;COUNT=2", "UTC", "2026-01-01T00:00", 30);
        assert!(ends(&twice, "2026-01-02T00:10:00Z").is_some());
        assert_eq!(ends(&twice, "2026-01-03T00:10:00Z"), None);
        assert_eq!(twice.check(at("2026-01-03T00:00:00Z")).unwrap_err().field, "rule");
        let until = recurring("FREQ=DAILY;UNTIL=20260102T000000Z", "UTC", "2020-01-01T00:00", 30);
        assert!(ends(&until, "2026-01-02T00:10:00Z").is_some());
        assert_eq!(ends(&until, "2026-01-03T00:10:00Z"), None);
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_said_by_its_field() {
        let now = at("2026-11-25T00:00:00Z");
        for (schedule, field) in [
            (recurring("FREQ=HOURLY", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("FREQ=DAILY;BYHOUR=1,2", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("FREQ=DAILY;BYSECOND=1", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("every day", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("FREQ=DAILY;INTERVAL=0", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31", "UTC", "2022-01-01T00:00", 1), "rule"),
            (recurring("FREQ=DAILY;COUNT=0", "UTC", "2026-01-01T00:00", 1), "rule"),
            (
                recurring(&format!("FREQ=DAILY{}", ";WKST=MO".repeat(100)), "UTC", "2026-01-01T00:00", 1),
                "rule",
            ),
            (recurring("FREQ=DAILY\nRDATE:20261201T000000Z", "UTC", "2026-01-01T00:00", 1), "rule"),
            (recurring("FREQ=DAILY", "Mars/Olympus", "2026-01-01T00:00", 1), "time_zone"),
            (recurring("FREQ=DAILY", "Local", "2026-01-01T00:00", 1), "time_zone"),
            (recurring("FREQ=DAILY", "UTC", "2026-01-01", 1), "starts_at"),
            (recurring("FREQ=DAILY", "UTC", "0001-01-01T00:00", 1), "starts_at"),
            (recurring("FREQ=DAILY", "Europe/Berlin", "2026-03-29T02:30", 1), "starts_at"),
            (recurring("FREQ=DAILY", "UTC", "2026-01-01T00:00", 0), "minutes"),
            (recurring("FREQ=DAILY", "UTC", "2026-01-01T00:00", MAX_MINUTES + 1), "minutes"),
            (FreezeSchedule::Once { starts_at: now, ends_at: now }, "ends_at"),
            (FreezeSchedule::Once { starts_at: now, ends_at: now.plus(TimeDelta::days(32)) }, "ends_at"),
        ] {
            assert_eq!(schedule.check(now).expect_err(&format!("{schedule:?}")).field, field, "{schedule:?}");
        }
    }
}
