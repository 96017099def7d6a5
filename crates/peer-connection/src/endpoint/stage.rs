//! Where the task of a shard runs.

use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, EnterGuard, Handle};

use super::task::Task;

/// A place for the sockets and the task of one shard.
#[derive(Debug)]
pub(super) enum Stage {
    /// The runtime of whoever opens the endpoint.
    Caller(Handle),
    /// A thread with a runtime of its own, which waits for its task; it ends with the task, or without one when this
    /// is dropped.
    Thread(Handle, mpsc::Sender<Task>),
}

impl Stage {
    /// Places for `count` shards: the caller's runtime for a single one, a thread for each of several.
    pub(super) fn for_shards(count: usize, caller: Handle) -> io::Result<Vec<Self>> {
        if count == 1 {
            return Ok(vec![Self::Caller(caller)]);
        }
        (0..count).map(Self::thread).collect()
    }

    /// The runtime is made on its thread so that it is dropped there: no runtime may be dropped inside another one.
    fn thread(index: usize) -> io::Result<Self> {
        let (handle_sender, handle) = mpsc::channel();
        let (task_sender, task) = mpsc::channel();
        let thread = std::thread::Builder::new().name(format!("gannet-shard-{index}"));
        thread.spawn(move || serve(&handle_sender, &task))?;
        let handle = handle.recv().map_err(io::Error::other)??;
        Ok(Self::Thread(handle, task_sender))
    }

    /// Sockets that are made while the guard lives belong to this place.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        match self {
            Self::Caller(runtime) | Self::Thread(runtime, _) => runtime.enter(),
        }
    }

    /// Starts the shard's task.
    pub(super) fn run(self, task: Task) {
        match self {
            Self::Caller(runtime) => {
                runtime.spawn(task.run());
            }
            Self::Thread(_, tasks) => {
                // The thread waits for it.
                let _ = tasks.send(task);
            }
        }
    }
}

/// What the thread of a shard does.
fn serve(handle: &mpsc::Sender<io::Result<Handle>>, task: &mpsc::Receiver<Task>) {
    let mut builder = Builder::new_current_thread();
    match builder.enable_io().enable_time().build() {
        Ok(runtime) => {
            let _ = handle.send(Ok(runtime.handle().clone()));
            if let Ok(task) = task.recv() {
                runtime.block_on(task.run());
            }
        }
        Err(error) => {
            let _ = handle.send(Err(error));
        }
    }
}
