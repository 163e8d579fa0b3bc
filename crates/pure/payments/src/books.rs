//! An orchestrator's books: what each sender has to its credit, under which price, and what is
//! being worked for.

use std::collections::BTreeMap;
use std::time::Duration;

use alloy_primitives::U256;
use streamflow_types::{Address, Pixels, PricePerPixel};

use crate::amount::Amount;
use crate::seal::is_same_price;

/// An account that is not used for so long is closed; what is left in it is gone.
pub(crate) const IDLE: Duration = Duration::from_secs(10 * 60);

/// Accounts kept at once. Only payments that were worth something open one.
pub(crate) const MAX_ACCOUNTS: usize = 100_000;

/// Jobs of one account at once.
pub(crate) const MAX_JOBS: usize = 64;

/// Whose account: the sender, and the session, or for payments without a segment the stream.
pub type AccountKey = (Address, String);

/// A job that is quoted and not yet done, by a number of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobId(pub u64);

/// Why something is not booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BooksError {
    /// Answer 400 and do no work; the sender pays more, or goes elsewhere.
    #[error("Insufficient balance")]
    InsufficientBalance,
    /// Answer 400 and take nothing of the payment; the sender asks for a new session.
    #[error("Expected price {expected} differs from the session's {recorded}")]
    OtherPrice {
        /// The session's.
        recorded: Box<Amount>,
        /// The payment's.
        expected: Box<Amount>,
    },
    /// Answer 503; the node is full.
    #[error("too many accounts")]
    TooManyAccounts,
    /// Answer 503; the session's earlier segments have to end first.
    #[error("too many segments of one session")]
    TooManyJobs,
}

/// One account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Account {
    balance: Amount,
    price: Option<PricePerPixel>,
    jobs: BTreeMap<JobId, Amount>,
    used: Duration,
}

impl Account {
    /// What the sender has to its credit; below zero where work cost more than its quote.
    pub const fn balance(&self) -> &Amount {
        &self.balance
    }

    /// The price of all its work.
    pub const fn price(&self) -> Option<PricePerPixel> {
        self.price
    }

    /// Quotes of the jobs that are being done.
    fn quoted(&self) -> Amount {
        let mut sum = Amount::zero();
        self.jobs.values().for_each(|quote| sum += quote);
        sum
    }
}

/// All accounts. Times are those of one clock that only goes forward.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Books {
    accounts: BTreeMap<AccountKey, Account>,
}

impl Books {
    /// An account, where there is one.
    pub fn account(&self, key: &AccountKey) -> Option<&Account> {
        self.accounts.get(key)
    }

    /// An account as it was stored. Jobs do not survive: the work is gone.
    pub fn restore(
        &mut self,
        now: Duration,
        key: AccountKey,
        balance: Amount,
        price: Option<PricePerPixel>,
    ) -> Result<(), BooksError> {
        let account = self.open(now, key)?;
        (account.balance, account.price) = (balance, price);
        Ok(())
    }

    /// Checks the price a payment names, before its tickets are looked at.
    pub fn check_price(&self, key: &AccountKey, expected: PricePerPixel) -> Result<(), BooksError> {
        match self.accounts.get(key).and_then(Account::price) {
            Some(recorded) if !is_same_price(recorded, expected) => {
                let of_one = |price| Amount::of_work(Pixels(1), price);
                Err(BooksError::OtherPrice {
                    recorded: of_one(recorded).into(),
                    expected: of_one(expected).into(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Books tickets that are safe in the store. Their price, which is sealed in them, becomes the
    /// session's where it has none.
    pub fn credit(
        &mut self,
        now: Duration,
        key: AccountKey,
        amount: &Amount,
        sealed_price: PricePerPixel,
    ) -> Result<(), BooksError> {
        self.check_price(&key, sealed_price)?;
        let account = self.open(now, key)?;
        account.balance = (account.balance.clone() + amount).kept_down();
        account.price.get_or_insert(sealed_price);
        Ok(())
    }

    /// Takes a job on, if its quote and those of all jobs before it are covered. `own_price` counts
    /// where nothing has been paid yet.
    pub fn admit(
        &mut self,
        now: Duration,
        key: &AccountKey,
        job: JobId,
        work: Pixels,
        own_price: PricePerPixel,
        required_ev: U256,
    ) -> Result<(), BooksError> {
        let price = self
            .accounts
            .get(key)
            .and_then(Account::price)
            .unwrap_or(own_price);
        if price.wei() == 0 {
            return Ok(());
        }
        let account = self
            .accounts
            .get_mut(key)
            .ok_or(BooksError::InsufficientBalance)?;
        account.used = now;
        let quote = Amount::of_work(work, price);
        let free = account.balance.clone() - &account.quoted();
        if free < quote.clone().max(Amount::wei(required_ev)) {
            return Err(BooksError::InsufficientBalance);
        }
        if account.jobs.len() >= MAX_JOBS {
            return Err(BooksError::TooManyJobs);
        }
        account.price.get_or_insert(price);
        account.jobs.insert(job, quote);
        Ok(())
    }

    /// Ends a job: work that was done is charged at the session's price, whatever the payment said.
    pub fn finish(&mut self, now: Duration, key: &AccountKey, job: JobId, done: Option<Pixels>) {
        let Some(account) = self.accounts.get_mut(key) else {
            return;
        };
        account.used = now;
        account.jobs.remove(&job);
        if let (Some(work), Some(price)) = (done, account.price) {
            account.balance -= &Amount::of_work(work, price);
        }
    }

    /// Closes accounts that nobody used; says which.
    pub fn sweep(&mut self, now: Duration) -> Vec<AccountKey> {
        let is_idle =
            |account: &Account| account.jobs.is_empty() && now.saturating_sub(account.used) >= IDLE;
        let idle: Vec<AccountKey> = self
            .accounts
            .iter()
            .filter(|(_, account)| is_idle(account))
            .map(|(key, _)| key.clone())
            .collect();
        self.accounts.retain(|_, account| !is_idle(account));
        idle
    }

    /// Accounts there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    fn open(&mut self, now: Duration, key: AccountKey) -> Result<&mut Account, BooksError> {
        if !self.accounts.contains_key(&key) && self.accounts.len() >= MAX_ACCOUNTS {
            return Err(BooksError::TooManyAccounts);
        }
        let account = self.accounts.entry(key).or_default();
        account.used = now;
        Ok(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn key() -> AccountKey {
        (Address::new([1; 20]), "s".into())
    }

    fn price(wei: u64) -> PricePerPixel {
        PricePerPixel::new(wei, 1.try_into().unwrap())
    }

    fn wei(wei: u64) -> Amount {
        Amount::wei(U256::from(wei))
    }

    #[test]
    fn work_begins_only_when_all_quotes_are_covered() {
        let mut books = Books::default();
        let admit = |books: &mut Books, job, work| {
            books.admit(
                NOW,
                &key(),
                JobId(job),
                Pixels(work),
                price(2),
                U256::from(5),
            )
        };
        assert_eq!(
            admit(&mut books, 1, 1),
            Err(BooksError::InsufficientBalance)
        );
        books.credit(NOW, key(), &wei(20), price(2)).unwrap();
        assert_eq!(admit(&mut books, 1, 5), Ok(()));
        assert_eq!(
            admit(&mut books, 2, 6),
            Err(BooksError::InsufficientBalance)
        );
        assert_eq!(admit(&mut books, 2, 5), Ok(()));
        // One ticket's worth is the least, however small the work.
        assert_eq!(
            admit(&mut books, 3, 0),
            Err(BooksError::InsufficientBalance)
        );
        books.finish(NOW, &key(), JobId(1), Some(Pixels(4)));
        books.finish(NOW, &key(), JobId(2), None);
        assert_eq!(books.account(&key()).unwrap().balance(), &wei(12));
        assert_eq!(admit(&mut books, 3, 0), Ok(()));
    }

    #[test]
    fn a_session_keeps_its_price() {
        let mut books = Books::default();
        books.credit(NOW, key(), &wei(20), price(2)).unwrap();
        let refused = books.credit(NOW, key(), &wei(20), price(3)).unwrap_err();
        assert!(refused.to_string().contains("Expected price"));
        books
            .admit(NOW, &key(), JobId(1), Pixels(1), price(7), U256::ONE)
            .unwrap();
        books.finish(NOW, &key(), JobId(1), Some(Pixels(1)));
        assert_eq!(books.account(&key()).unwrap().balance(), &wei(18));
    }

    #[test]
    fn idle_accounts_are_closed_and_busy_ones_are_not() {
        let mut books = Books::default();
        books.credit(NOW, key(), &wei(20), price(2)).unwrap();
        books
            .admit(NOW, &key(), JobId(1), Pixels(1), price(2), U256::ONE)
            .unwrap();
        assert!(books.sweep(NOW + IDLE).is_empty());
        books.finish(NOW, &key(), JobId(1), None);
        assert_eq!(books.sweep(NOW + IDLE), vec![key()]);
    }

    #[test]
    fn free_work_needs_no_account() {
        let mut books = Books::default();
        let admitted = books.admit(NOW, &key(), JobId(1), Pixels(9), price(0), U256::ONE);
        assert_eq!((admitted, books.is_empty()), (Ok(()), true));
    }
}
