//! Cilium's policies, as written. Absent, null, empty and `{}` are kept apart (`spec/cilium.md` 2.2).
