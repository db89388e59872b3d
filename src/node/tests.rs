//! The pipeline whole: see the modules for its parts.
