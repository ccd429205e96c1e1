//! What is the same for every request of a connection: read once, and kept for the requests that follow.

use core::{
    cell::{OnceCell, RefCell},
    net::SocketAddr,
};
use std::rc::Rc;

/// The values of one connection. A call that failed leaves its value unread.
#[derive(Debug, Default)]
pub struct ConnectionValues {
    /// The first URI name, the first DNS name and the subject of the peer's certificate.
    pub certificate: [OnceCell<Option<Vec<u8>>>; 3],
    /// The local address.
    pub destination: OnceCell<Option<SocketAddr>>,
    /// The TLS server name in lower case; empty where there is none.
    pub server_name: OnceCell<Vec<u8>>,
}

/// The values of the connections that were last seen, by the number that the proxy gives each connection once.
#[derive(Debug, Default)]
pub struct Connections {
    slots: RefCell<Vec<Slot>>,
}

/// The number of a connection, and what is kept of it.
type Slot = Option<(u64, Rc<ConnectionValues>)>;

impl Connections {
    /// A newer connection takes the place of an older one, so that this is all that is ever kept.
    const SLOTS: usize = 512;
    /// Longer values are read again for each request.
    pub const LONGEST: usize = 1024;

    /// The values of connection number `id`, nothing read yet where it is new.
    pub fn values(&self, id: u64) -> Rc<ConnectionValues> {
        let mut slots = self.slots.borrow_mut();
        if slots.is_empty() {
            slots.resize_with(Self::SLOTS, || None);
        }
        let Some(slot) = slots.get_mut(slot(id)) else { return Rc::default() };
        match slot {
            Some((known, values)) if *known == id => Rc::clone(values),
            _ => {
                let values = Rc::<ConnectionValues>::default();
                *slot = Some((id, Rc::clone(&values)));
                values
            }
        }
    }

    /// Drops what is kept of connection number `id`.
    pub fn forget(&self, id: u64) {
        if let Some(slot) = self.slots.borrow_mut().get_mut(slot(id))
            && slot.as_ref().is_some_and(|(known, _)| *known == id)
        {
            *slot = None;
        }
    }
}

fn slot(id: u64) -> usize {
    (id % Connections::SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_finds_its_own_values_and_never_anothers() {
        let connections = Connections::default();
        let first = connections.values(7);
        first.server_name.set(b"one".to_vec()).unwrap();

        assert!(Rc::ptr_eq(&first, &connections.values(7)));
        assert!(connections.values(8).server_name.get().is_none());
        // In the same place, and newer.
        assert!(connections.values(7 + 512).server_name.get().is_none());
        assert!(connections.values(7).server_name.get().is_none());
    }

    #[test]
    fn what_is_forgotten_is_read_again() {
        let connections = Connections::default();
        connections.values(7).server_name.set(Vec::new()).unwrap();

        connections.forget(7 + 512);
        assert!(connections.values(7).server_name.get().is_some());
        connections.forget(7);
        assert!(connections.values(7).server_name.get().is_none());
    }
}
