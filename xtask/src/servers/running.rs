//! Both servers together.

use crate::failure::Outcome;
use crate::paths::RunFolder;
use crate::servers::mongodb::{self, MongoDb};
use crate::servers::postgres::{self, Postgres};

const MONGODB: &str = "CONMAN_TEST_MONGODB";
const POSTGRES: &str = "CONMAN_TEST_POSTGRES";

/// Installs the servers' programs where they are missing, so that starting them later takes a moment.
pub(crate) fn prepare() -> Outcome<()> {
    if given(MONGODB).is_none() {
        mongodb::install()?;
    }
    if given(POSTGRES).is_none() {
        postgres::install()?;
    }
    Ok(())
}

/// The address of a server that someone else runs.
fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// The test servers of one run. They stop, and their data goes, with the value.
///
/// A server whose variable is set in the environment already is used as it is, and not started or stopped here.
#[derive(Debug)]
pub(crate) struct Servers {
    variables: Vec<(&'static str, String)>,
    mongodb: Option<MongoDb>,
    postgres: Option<Postgres>,
    // Declared last: dropped after the servers that write into it.
    _folder: Option<RunFolder>,
}

impl Servers {
    /// Starts what the environment does not name.
    pub(crate) fn start() -> Outcome<Self> {
        let given_mongodb = given(MONGODB);
        let given_postgres = given(POSTGRES);
        if let (Some(mongodb), Some(postgres)) = (&given_mongodb, &given_postgres) {
            let variables = vec![(MONGODB, mongodb.clone()), (POSTGRES, postgres.clone())];
            return Ok(Self { variables, mongodb: None, postgres: None, _folder: None });
        }
        let folder = RunFolder::create()?;
        let mut servers = Self { variables: Vec::new(), mongodb: None, postgres: None, _folder: None };
        match given_mongodb {
            Some(url) => servers.variables.push((MONGODB, url)),
            None => {
                let mongodb = MongoDb::start(&folder.join("mongodb"))?;
                servers.variables.push((MONGODB, mongodb.url()));
                servers.mongodb = Some(mongodb);
            }
        }
        match given_postgres {
            Some(url) => servers.variables.push((POSTGRES, url)),
            None => {
                let postgres = Postgres::start(&folder.join("postgres"))?;
                servers.variables.push((POSTGRES, postgres.url()));
                servers.postgres = Some(postgres);
            }
        }
        servers._folder = Some(folder);
        Ok(servers)
    }

    /// The environment variables that carry the servers' addresses to the tests.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Fails if a server that was started here has ended by itself.
    pub(crate) fn check(&mut self) -> Outcome<()> {
        if let Some(mongodb) = &mut self.mongodb {
            mongodb.check()?;
        }
        if let Some(postgres) = &mut self.postgres {
            postgres.check()?;
        }
        Ok(())
    }
}
