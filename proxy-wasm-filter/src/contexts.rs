//! Which root and which streams there are, by the proxy's numbers for them.
//!
//! No borrow is held while a host function runs: closing a connection makes the proxy call back into the
//! module before the call returns.

use crate::{
    compile,
    host::{Host, Level, Proxy},
    http::{self, Action},
    root::{Plugin, Root},
    tcp,
};
use core::cell::RefCell;
use std::{collections::BTreeMap, rc::Rc};

thread_local! {
    static CONTEXTS: RefCell<Contexts> = const { RefCell::new(Contexts::new()) };
}

/// What is known of a stream.
#[derive(Debug)]
struct Stream {
    root: u32,
    /// What was decided on a connection; its further bytes are not decided again.
    decided: Option<Action>,
}

#[derive(Debug)]
struct Contexts {
    roots: BTreeMap<u32, Rc<Root>>,
    streams: BTreeMap<u32, Stream>,
}

impl Contexts {
    const fn new() -> Self {
        Self { roots: BTreeMap::new(), streams: BTreeMap::new() }
    }

    fn plugin(&self, stream: u32) -> Option<Rc<Plugin>> {
        self.roots.get(&self.streams.get(&stream)?.root)?.plugin()
    }
}

fn with<R>(ask: impl FnOnce(&mut Contexts) -> R) -> Option<R> {
    CONTEXTS
        .try_with(|contexts| contexts.try_borrow_mut().ok().map(|mut contexts| ask(&mut contexts)))
        .ok()?
}

/// A new root, or a new stream of the root `root`.
pub(crate) fn create(context: u32, root: u32) {
    with(|contexts| {
        if root == 0 {
            contexts.roots.insert(context, Rc::default());
        } else {
            contexts.streams.insert(context, Stream { root, decided: None });
        }
    });
}

/// Configures a root; false refuses.
pub(crate) fn configure(root: u32) -> bool {
    let root = with(|contexts| contexts.roots.get(&root).cloned()).flatten();
    root.is_some_and(|root| root.configure(&Proxy, compile::compile))
}

/// The headers of a request have come.
pub(crate) fn request_headers(stream: u32) -> Action {
    let plugin = with(|contexts| contexts.plugin(stream)).flatten();
    http::request_headers(&Proxy, plugin.as_deref())
}

/// Bytes of a connection have come.
pub(crate) fn downstream_data(stream: u32) -> Action {
    let known =
        with(|contexts| (contexts.streams.get(&stream).and_then(|s| s.decided), contexts.plugin(stream)));
    let (decided, plugin) = known.unwrap_or_default();
    if let Some(action) = decided {
        return action;
    }
    let action = tcp::first_data(&Proxy, plugin.as_deref());
    with(|contexts| {
        if let Some(stream) = contexts.streams.get_mut(&stream) {
            stream.decided = Some(action);
        }
    });
    action
}

/// A stream or a root is gone.
pub(crate) fn delete(context: u32) {
    with(|contexts| {
        contexts.streams.remove(&context);
        contexts.roots.remove(&context);
    });
}

/// A panic is a bug that kills the VM: its place must not be lost.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| Proxy.log(Level::Critical, &panic.to_string())));
}
