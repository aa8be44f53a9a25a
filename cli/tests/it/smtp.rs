//! A mail server that keeps what it is given: just enough SMTP for one honest client.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A mail as it came over the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) data: String,
}

#[derive(Default)]
struct Inbox {
    mails: Mutex<Vec<Received>>,
    came: Notify,
}

pub(crate) struct SmtpServer {
    pub(crate) url: String,
    inbox: Arc<Inbox>,
    task: JoinHandle<()>,
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SmtpServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let inbox = Arc::new(Inbox::default());
        let task = tokio::spawn({
            let inbox = Arc::clone(&inbox);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(talk(stream, Arc::clone(&inbox)));
                }
            }
        });
        Self { url, inbox, task }
    }

    /// Waits for a mail to an address.
    pub(crate) async fn mail_to(&self, address: &str) -> Received {
        let waiting = async {
            loop {
                let came = self.inbox.came.notified();
                let mails = self.inbox.mails.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(mail) = mails.into_iter().find(|mail| mail.to.iter().any(|to| to == address)) {
                    return mail;
                }
                came.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("no mail came")
    }
}

async fn talk(stream: TcpStream, inbox: Arc<Inbox>) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut mail = Received::default();
    writing.write_all(b"220 test\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let (verb, rest) = line.split_at(line.len().min(4));
        let address = || rest.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer: &[u8] = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => b"250-test\r\n250 8BITMIME\r\n",
            "MAIL" => {
                mail = Received { from: address(), ..Received::default() };
                b"250 ok\r\n"
            }
            "RCPT" => {
                mail.to.push(address());
                b"250 ok\r\n"
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await?;
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail.data.push_str(&line);
                    mail.data.push('\n');
                }
                inbox.mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail.clone());
                inbox.came.notify_waiters();
                b"250 kept\r\n"
            }
            "QUIT" => {
                writing.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => b"250 ok\r\n",
        };
        writing.write_all(answer).await?;
    }
    Ok(())
}
