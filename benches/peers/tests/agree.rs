//! Every engine decides as Palisade does. These tests measure no time.

use palisade_peers::{Peer, all_names, all_paths, all_policies};

fn check<T: ?Sized>(peers: &[Peer<T>]) {
    for peer in peers {
        for n in [1, 10, 200] {
            peer.checked(n);
        }
    }
}

#[test]
fn policy_engines_decide_as_palisade() {
    check(&all_policies());
}

#[test]
fn name_sets_match_as_palisade() {
    check(&all_names());
}

#[test]
fn routers_match_as_palisade() {
    check(&all_paths());
}
