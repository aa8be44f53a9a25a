//! How often may somebody try? Counted in memory, per account and per client address, fading with time.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How much may be tried at once, and how fast that comes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// What is counted; part of the key.
    name: &'static str,
    /// How many attempts there may be at once.
    burst: f64,
    /// After how many seconds one attempt is forgotten.
    forget_one_after: f64,
}

impl Limit {
    const fn new(name: &'static str, burst: f64, forget_one_after: f64) -> Self {
        Self { name, burst, forget_one_after }
    }
}

/// All sign-ins from one client address.
const ADDRESS: Limit = Limit::new("address", 30.0, 10.0);
/// One account from one client address.
const PAIR: Limit = Limit::new("pair", 5.0, 60.0);
/// One account from everywhere. Beyond it nobody is refused, but each address gets one attempt only: so many guessers
/// gain little, and the owner, coming from an address that did not guess, still gets in.
const ACCOUNT: Limit = Limit::new("account", 20.0, 30.0);
/// One account from one client address while the account is being guessed at.
const PAIR_UNDER_ATTACK: Limit = Limit::new("pair under attack", 1.0, 900.0);
/// Requests of reset links from one client address.
const RESET_ADDRESS: Limit = Limit::new("reset address", 20.0, 60.0);
/// Reset links for one account.
const RESET_ACCOUNT: Limit = Limit::new("reset account", 3.0, 1200.0);
/// Pleas for a new invite in place of one that expired.
const INVITE_PLEA: Limit = Limit::new("invite plea", 1.0, 3600.0);

/// The most keys that are remembered: some megabytes.
const MOST_KEYS: usize = 100_000;

/// Counts attempts under hashed keys; at most [`MOST_KEYS`] of them.
#[derive(Debug)]
pub(crate) struct Attempts {
    buckets: Mutex<HashMap<u64, Bucket>>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    as_of: Instant,
    forget_one_after: f64,
}

impl Bucket {
    fn level_at(self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        (self.level - passed / self.forget_one_after).max(0.0)
    }
}

/// An attempt that counts as failed until it is said to have succeeded.
#[derive(Debug)]
pub(crate) struct SignInAttempt<'a> {
    attempts: &'a Attempts,
    email: String,
    address: String,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { buckets: Mutex::new(HashMap::new()), hasher: RandomState::new() }
    }
}

impl Attempts {
    /// Counts a sign-in, or says how long to wait.
    pub(crate) fn sign_in(&self, email: &str, address: Option<&str>) -> Result<SignInAttempt<'_>, Duration> {
        self.sign_in_at(email, address, Instant::now())
    }

    fn sign_in_at(
        &self,
        email: &str,
        address: Option<&str>,
        now: Instant,
    ) -> Result<SignInAttempt<'_>, Duration> {
        let address = network(address);
        let pair = format!("{email} {address}");
        if self.is_full(ACCOUNT, email, now) {
            self.take(PAIR_UNDER_ATTACK, &pair, now)?;
        }
        self.take(ADDRESS, &address, now)?;
        self.take(PAIR, &pair, now)?;
        self.add(ACCOUNT, email, now);
        Ok(SignInAttempt { attempts: self, email: email.to_owned(), address })
    }

    /// Counts a request of a reset link from a client address.
    pub(crate) fn reset_request(&self, address: Option<&str>) -> Result<(), Duration> {
        self.take(RESET_ADDRESS, &network(address), Instant::now())
    }

    /// Counts a reset link for an account; false where there were too many.
    pub(crate) fn reset_link(&self, email: &str) -> bool {
        self.take(RESET_ACCOUNT, email, Instant::now()).is_ok()
    }

    /// Counts a plea for a new invite.
    pub(crate) fn invite_plea(&self, invite: &str) -> Result<(), Duration> {
        self.take(INVITE_PLEA, invite, Instant::now())
    }

    fn key(&self, limit: Limit, key: &str) -> u64 {
        self.hasher.hash_one((limit.name, key))
    }

    fn is_full(&self, limit: Limit, key: &str, now: Instant) -> bool {
        let key = self.key(limit, key);
        self.buckets.lock().get(&key).is_some_and(|bucket| bucket.level_at(now) >= limit.burst)
    }

    fn take(&self, limit: Limit, key: &str, now: Instant) -> Result<(), Duration> {
        let key = self.key(limit, key);
        let mut buckets = self.buckets.lock();
        let level = buckets.get(&key).map_or(0.0, |bucket| bucket.level_at(now));
        if level + 1.0 > limit.burst + 1e-9 {
            let wait = (level + 1.0 - limit.burst) * limit.forget_one_after;
            return Err(Duration::from_secs_f64(wait));
        }
        put(
            &mut buckets,
            key,
            Bucket { level: level + 1.0, as_of: now, forget_one_after: limit.forget_one_after },
        );
        Ok(())
    }

    fn add(&self, limit: Limit, key: &str, now: Instant) {
        let key = self.key(limit, key);
        let mut buckets = self.buckets.lock();
        let level = buckets.get(&key).map_or(0.0, |bucket| bucket.level_at(now));
        let level = (level + 1.0).min(limit.burst * 2.0);
        put(&mut buckets, key, Bucket { level, as_of: now, forget_one_after: limit.forget_one_after });
    }

    fn give_back(&self, limit: Limit, key: &str) {
        let key = self.key(limit, key);
        if let Some(bucket) = self.buckets.lock().get_mut(&key) {
            bucket.level = (bucket.level - 1.0).max(0.0);
        }
    }

    fn forget(&self, limit: Limit, key: &str) {
        let key = self.key(limit, key);
        self.buckets.lock().remove(&key);
    }
}

impl SignInAttempt<'_> {
    /// Takes the attempt back: the password was right, so what was counted for this pair is forgotten.
    pub(crate) fn succeeded(self) {
        let pair = format!("{} {}", self.email, self.address);
        self.attempts.give_back(ADDRESS, &self.address);
        self.attempts.give_back(ACCOUNT, &self.email);
        self.attempts.forget(PAIR, &pair);
        self.attempts.forget(PAIR_UNDER_ATTACK, &pair);
    }

    /// Takes the attempt back: the password was never looked at.
    pub(crate) fn not_tried(self) {
        let pair = format!("{} {}", self.email, self.address);
        self.attempts.give_back(ADDRESS, &self.address);
        self.attempts.give_back(ACCOUNT, &self.email);
        self.attempts.give_back(PAIR, &pair);
        self.attempts.give_back(PAIR_UNDER_ATTACK, &pair);
    }
}

/// Puts a bucket in place, and forgets others where there are too many: the faded ones, else the least filled half.
fn put(buckets: &mut HashMap<u64, Bucket>, key: u64, bucket: Bucket) {
    if buckets.len() >= MOST_KEYS && !buckets.contains_key(&key) {
        let now = bucket.as_of;
        buckets.retain(|_, other| other.level_at(now) > 0.0);
        if buckets.len() >= MOST_KEYS {
            let mut levels: Vec<f64> = buckets.values().map(|other| other.level_at(now)).collect();
            let middle = levels.len() / 2;
            let (_, median, _) = levels.select_nth_unstable_by(middle, f64::total_cmp);
            let median = *median;
            let mut spare = buckets.len() / 2;
            buckets.retain(|_, other| {
                let drop = spare > 0 && other.level_at(now) <= median;
                spare -= usize::from(drop);
                !drop
            });
        }
    }
    buckets.insert(key, bucket);
}

/// The network that one client commands: the whole IPv4 address, or the first 64 bits of an IPv6 one.
fn network(address: Option<&str>) -> String {
    match address.map(str::parse::<IpAddr>) {
        Some(Ok(IpAddr::V4(v4))) => v4.to_string(),
        Some(Ok(IpAddr::V6(v6))) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => format!(
                "{:x}:{:x}:{:x}:{:x}",
                v6.segments()[0],
                v6.segments()[1],
                v6.segments()[2],
                v6.segments()[3]
            ),
        },
        Some(Err(_)) | None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(attempts: &Attempts, email: &str, address: &str, now: Instant) -> bool {
        attempts.sign_in_at(email, Some(address), now).is_ok()
    }

    #[test]
    fn one_address_gets_a_handful_of_guesses_and_then_one_a_minute() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let passed = (0..100_000).filter(|_| guess(&attempts, "ana@lab.example", "192.0.2.1", start)).count();
        assert_eq!(passed, 5);
        assert!(!guess(&attempts, "ana@lab.example", "192.0.2.1", start + Duration::from_secs(59)));
        assert!(guess(&attempts, "ana@lab.example", "192.0.2.1", start + Duration::from_secs(61)));
    }

    #[test]
    fn one_address_guesses_at_few_accounts() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let passed =
            (0..1000).filter(|n| guess(&attempts, &format!("u{n}@lab.example"), "192.0.2.1", start)).count();
        assert_eq!(passed, 30);
    }

    #[test]
    fn many_addresses_are_throttled_and_the_owner_gets_in() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let mut passed = 0;
        for round in 0..100 {
            for n in 0..1000 {
                let address = format!("10.0.{}.{}", n / 250, n % 250);
                passed += usize::from(guess(
                    &attempts,
                    "ana@lab.example",
                    &address,
                    start + Duration::from_millis(round),
                ));
            }
        }
        assert!(passed <= 1000 + 20, "{passed} of 100,000 guesses were looked at");
        let owner = attempts.sign_in_at("ana@lab.example", Some("192.0.2.7"), start + Duration::from_secs(1));
        owner.expect("the owner comes from an address that did not guess").succeeded();
        let again = attempts.sign_in_at("ana@lab.example", Some("192.0.2.7"), start + Duration::from_secs(2));
        assert!(again.is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for n in 0..60_000_u32 {
            let address = std::net::Ipv4Addr::from(n).to_string();
            let _ = guess(&attempts, &format!("u{n}@lab.example"), &address, start);
        }
        assert!(attempts.buckets.lock().len() <= MOST_KEYS);
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one_client() {
        assert_eq!(network(Some("2001:db8:1:2:3::4")), network(Some("2001:db8:1:2:ffff::1")));
        assert_ne!(network(Some("2001:db8:1:2::1")), network(Some("2001:db8:1:3::1")));
        assert_eq!(network(Some("::ffff:192.0.2.1")), network(Some("192.0.2.1")));
    }
}
