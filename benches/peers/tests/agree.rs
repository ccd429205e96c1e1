//! Whoever is compared with decides the same. Nothing is timed here.

use palisade_peers::{Peer, all_names, all_paths, all_policies};

fn check<T: ?Sized>(peers: &[Peer<T>]) {
    for peer in peers {
        for n in [1, 10, 200] {
            peer.checked(n);
        }
    }
}

#[test]
fn engines_decide_as_ours() {
    check(&all_policies());
}

#[test]
fn sets_of_names_match_as_ours() {
    check(&all_names());
}

#[test]
fn routers_take_the_same_route() {
    check(&all_paths());
}
