//! The contexts of one VM: which plugin decides a stream, and how far its decision has got.

use crate::{
    compile::compile,
    host::Host,
    http::{self, Step},
    provider::{self, Asking},
    root::{Plugin, Root},
    tcp,
    types::Action,
};
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;
use std::rc::Rc;

/// All contexts that the proxy has created and not deleted.
#[derive(Debug, Default)]
pub struct Vm {
    /// A handful at most: one for each plugin that shares the VM, and its successor during an update.
    roots: Vec<(u32, Root)>,
    streams: HashMap<u32, Stream, BuildHasherDefault<Spread>>,
    /// Which stream waits for the answer to a root's call, by root and token.
    asking: HashMap<(u32, u32), u32, BuildHasherDefault<Spread>>,
}

/// Spreads numbers that the proxy counts up, and no client chooses.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
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
    /// What was in force when it began.
    plugin: Option<Rc<Plugin>>,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    Asking(Box<Asking>),
    Decided(Action),
}

impl Vm {
    /// A context begins; a root one has no parent.
    pub fn context_create(&mut self, context: u32, parent: u32) {
        if parent == 0 {
            self.roots.push((context, Root::default()));
            return;
        }
        let root = self.roots.iter().find(|(id, _)| *id == parent);
        let plugin = root.and_then(|(_, root)| root.plugin());
        self.streams.insert(context, Stream { root: parent, plugin, state: State::New });
    }

    /// Puts a root's configuration in force, or refuses it.
    pub fn configure<H: Host>(&mut self, host: &H, root: u32) -> bool {
        let known = self.roots.iter_mut().find(|(id, _)| *id == root);
        known.is_some_and(|(_, root)| root.configure(host, compile))
    }

    /// The headers of a request have come.
    pub fn request_headers(&mut self, host: &impl Host, context: u32) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return http::refuse(host) };
        let step = match &stream.state {
            State::New => http::request_headers(host, stream.plugin.as_deref()),
            State::Asking(_) => return Action::Pause,
            State::Decided(action) => return *action,
        };
        match step {
            // Nearly always so, and the stream is at hand.
            Step::Done(action) => {
                stream.state = State::Decided(action);
                action
            }
            step => self.advance(context, step),
        }
    }

    /// An external provider has answered, or was given up. The proxy calls the root back, whose answer it is; what
    /// follows concerns the stream that waits for it.
    pub fn http_call_response(&mut self, host: &impl Host, root: u32, token: u32, has_headers: bool) {
        let Some(context) = self.asking.remove(&(root, token)) else { return };
        let Some(stream) = self.streams.get_mut(&context) else { return };
        let Some(plugin) = stream.plugin.clone() else { return };
        let State::Asking(asking) = core::mem::replace(&mut stream.state, State::Decided(Action::Pause))
        else {
            return;
        };
        let answer = provider::answer(host, &asking.now.1, has_headers);
        // Where that fails the stream is held for ever rather than let pass.
        if host.select(context).is_err() {
            return;
        }
        let step = http::answered(host, &plugin, *asking, answer);
        if self.advance(context, step) == Action::Continue && host.resume().is_err() {
            http::refuse(host);
        }
    }

    /// A connection has come.
    pub fn new_connection(&mut self, host: &impl Host, context: u32) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return tcp::close(host) };
        match tcp::new_connection(host, stream.plugin.as_deref()) {
            Some(action) => self.advance(context, Step::Done(action)),
            None => Action::Continue,
        }
    }

    /// Bytes of a connection have come.
    pub fn downstream_data(&mut self, host: &impl Host, context: u32) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return tcp::close(host) };
        match &stream.state {
            State::Decided(action) => *action,
            _ => {
                let action = tcp::first_data(host, stream.plugin.as_deref());
                self.advance(context, Step::Done(action))
            }
        }
    }

    /// A context ends.
    pub fn delete(&mut self, context: u32) {
        match self.streams.remove(&context) {
            Some(Stream { root, state: State::Asking(asking), .. }) => {
                self.asking.remove(&(root, asking.token));
            }
            Some(_) => {}
            None => self.roots.retain(|(id, _)| *id != context),
        }
    }

    fn advance(&mut self, context: u32, step: Step) -> Action {
        let Some(stream) = self.streams.get_mut(&context) else { return Action::Pause };
        let (state, action) = match step {
            Step::Done(action) => (State::Decided(action), action),
            Step::Ask(asking) => {
                self.asking.insert((stream.root, asking.token), context);
                (State::Asking(Box::new(asking)), Action::Pause)
            }
        };
        stream.state = state;
        action
    }
}

#[cfg(test)]
mod tests;
