//! The contexts of one VM: the plugin of each stream, and the progress of its decision.

use crate::{
    compile::compile,
    host::Host,
    http::{self, Progress},
    plugin::Plugin,
    provider::{self, PendingAuthz},
    root::Root,
    tcp,
    types::Action,
};
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;
use std::rc::Rc;

/// All contexts that the proxy has created and not deleted.
#[derive(Debug, Default)]
pub struct Vm {
    /// One for each plugin that shares the VM, and its successor during an update: a few at most.
    roots: Vec<(u32, Root)>,
    streams: HashMap<u32, Stream, BuildHasherDefault<CounterHasher>>,
    /// The stream that waits for the answer to a call, by root and token.
    pending: HashMap<(u32, u32), u32, BuildHasherDefault<CounterHasher>>,
}

/// A hash function for numbers that the proxy increments and no client chooses.
#[derive(Debug, Default)]
struct CounterHasher(u64);

impl Hasher for CounterHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// One request or connection.
#[derive(Debug)]
struct Stream {
    root: u32,
    /// The plugin that was in force at the start of the stream.
    plugin: Option<Rc<Plugin>>,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    Pending(Box<PendingAuthz>),
    Decided(Action),
}

impl Vm {
    /// Creates a context; a root context has parent 0.
    pub fn context_create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.roots.push((context, Root::default()));
            return;
        }
        let root = self.roots.iter().find(|(id, _)| *id == parent);
        let plugin = root.and_then(|(_, root)| root.plugin());
        self.streams.insert(context, Stream { root: parent, plugin, state: State::New });
    }

    /// Reads the configuration of a root; returns whether it is accepted.
    pub fn configure<H: Host>(&mut self, host: &H, root: u32) -> bool {
        let known = self.roots.iter_mut().find(|(id, _)| *id == root);
        known.is_some_and(|(_, root)| root.configure(host, compile))
    }

    /// Handles the headers of a request.
    pub fn request_headers(&mut self, host: &impl Host, context: u32) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return http::refuse(host) };
        let progress = match &stream.state {
            State::New => http::request_headers(host, stream.plugin.as_deref()),
            State::Pending(_) => return Action::Pause,
            State::Decided(action) => return *action,
        };
        match progress {
            // The common case needs no second lookup of the stream.
            Progress::Decided(action) => {
                stream.state = State::Decided(action);
                action
            }
            pending => self.advance(context, pending),
        }
    }

    /// Handles the answer of an external provider, or the end of a cancelled call. The proxy runs this callback in the
    /// context of the root; the filter switches to the stream that waits.
    pub fn http_call_response(&mut self, host: &impl Host, root: u32, token: u32, has_headers: bool) {
        let Some(context) = self.pending.remove(&(root, token)) else { return };
        let Some(stream) = self.streams.get_mut(&context) else { return };
        let Some(plugin) = stream.plugin.clone() else { return };
        let State::Pending(pending) = core::mem::replace(&mut stream.state, State::Decided(Action::Pause))
        else {
            return;
        };
        let answer = provider::answer(host, &pending.provider, has_headers);
        // After an error the stream stays paused: it must not pass undecided.
        if host.select(context).is_err() {
            return;
        }
        let progress = http::provider_answered(host, &plugin, *pending, answer);
        if self.advance(context, progress) == Action::Continue && host.resume().is_err() {
            http::refuse(host);
        }
    }

    /// Handles a new connection.
    pub fn new_connection(&mut self, host: &impl Host, context: u32) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return tcp::close(host) };
        match tcp::new_connection(host, stream.plugin.as_deref()) {
            Some(action) => self.advance(context, Progress::Decided(action)),
            None => Action::Continue,
        }
    }

    /// Handles bytes of a connection.
    pub fn downstream_data(&mut self, host: &impl Host, context: u32) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return tcp::close(host) };
        match &stream.state {
            State::Decided(action) => *action,
            _ => {
                let action = tcp::first_data(host, stream.plugin.as_deref());
                self.advance(context, Progress::Decided(action))
            }
        }
    }

    /// Deletes a context.
    pub fn delete(&mut self, context: u32) {
        match self.streams.remove(&context) {
            Some(Stream { root, state: State::Pending(pending), .. }) => {
                self.pending.remove(&(root, pending.token));
            }
            Some(_) => {}
            None => self.roots.retain(|(id, _)| *id != context),
        }
    }

    /// Stores the progress of a stream.
    fn advance(&mut self, context: u32, progress: Progress) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return Action::Pause };
        let (state, action) = match progress {
            Progress::Decided(action) => (State::Decided(action), action),
            Progress::Pending(pending) => {
                self.pending.insert((stream.root, pending.token), context);
                (State::Pending(Box::new(pending)), Action::Pause)
            }
        };
        stream.state = state;
        action
    }
}

#[cfg(test)]
mod tests;
