//! The only decision maker: `(State, now, Input)` → events, and the one door that applies them.
