//! Browsers, driven through WebDriver.

use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};

use crate::process::Process;

const CHROMIUM: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream=fps=30",
    "--use-fake-ui-for-media-stream",
];

/// How long a script in the page may take.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(120);

static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    /// The session.
    pub client: Client,
    driver: Process,
}

impl Browser {
    /// Headless Chromium with a fake camera and microphone.
    pub async fn chromium(extra: &[&str]) -> Self {
        let arguments: Vec<&str> = CHROMIUM.iter().chain(extra).copied().collect();
        let options = json!({ "binary": "/usr/bin/chromium", "args": arguments });
        Self::start("chromedriver", json!({ "goog:chromeOptions": options })).await
    }

    /// Headless Firefox with a fake camera and microphone.
    pub async fn firefox(extra: &[(&str, Value)]) -> Self {
        let mut preferences = json!({
            "media.navigator.streams.fake": true,
            "media.navigator.permission.disabled": true,
            "media.peerconnection.ice.obfuscate_host_addresses": false,
            "media.autoplay.default": 0,
            "media.gmp-manager.updateEnabled": false,
            "network.captive-portal-service.enabled": false,
        });
        for (name, value) in extra {
            preferences[name] = value.clone();
        }
        let options = json!({
            "binary": "/usr/bin/firefox-esr",
            "args": ["-headless"],
            "prefs": preferences,
        });
        Self::start("geckodriver", json!({ "moz:firefoxOptions": options })).await
    }

    async fn start(driver: &str, capabilities: Value) -> Self {
        // Tests run one at a time, each in a process of its own.
        let port = 9500 + NEXT_PORT.fetch_add(1, Ordering::Relaxed);
        let mut command = Command::new(driver);
        command.arg(format!("--port={port}"));
        command.stderr(std::process::Stdio::null());
        let driver = Process::start(command);
        let mut capabilities = capabilities.as_object().expect("it is one").clone();
        capabilities.insert(
            "timeouts".to_owned(),
            json!({ "script": SCRIPT_TIMEOUT.as_millis() as u64 }),
        );
        let address = format!("http://127.0.0.1:{port}");
        // The driver needs a moment until it listens.
        let mut refusal = None;
        for _ in 0..100 {
            let mut builder = ClientBuilder::native();
            match builder
                .capabilities(capabilities.clone())
                .connect(&address)
                .await
            {
                Ok(client) => return Self { client, driver },
                Err(error) => refusal = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no browser session: {refusal:?}");
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// Runs the body of an async function in the page and returns what it returns. `arguments[0]` is
    /// `argument`. What it throws is a panic here.
    pub async fn run(&self, body: &str, argument: Value) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async (argument) => {{ {body} }})(arguments[0])
                 .then((value) => done({{ value }}), (error) => done({{ error: String(error && error.stack || error) }}));"
        );
        let result = self.client.execute_async(&script, vec![argument]).await;
        let mut result = result.expect("the script runs");
        if let Some(error) = result.get("error").and_then(Value::as_str) {
            panic!("in the page: {error}");
        }
        result["value"].take()
    }

    /// A picture of the page, in PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a screenshot")
    }

    /// Kills the browser as a crash would: without a goodbye to anybody.
    pub fn kill(&mut self) {
        self.driver.kill();
    }

    /// Ends the browser.
    pub async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}
