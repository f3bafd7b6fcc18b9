//! The reverse proxy; the only importer of pingora.
