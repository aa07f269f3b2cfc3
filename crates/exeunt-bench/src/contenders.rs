//! One file for each contender, each used as its own documentation shows.

pub(crate) mod exeunt;
pub(crate) mod plain;
pub(crate) mod select;
pub(crate) mod tonari;
pub(crate) mod actix;
pub(crate) mod kameo;
pub(crate) mod ractor;
pub(crate) mod spawned;
pub(crate) mod xtra;
