//! What nobody chose once more, while threads are held up at random where they begin, wait and wake: what a machine that is
//! busy with something else shows once in a thousand days.

use crate::support::jitter::while_held_up;

#[test]
fn m1_m2_m3_m5_o1_o2_o3_o4_d1_d3_r1_programs_at_random() {
    while_held_up("programs_at_random::");
}

#[test]
fn m1_o3_o5_nobody_sleeps_over_what_there_is_to_do() {
    while_held_up("asleep::");
}

#[test]
fn m4_nobody_waits_for_room_while_there_is_some() {
    while_held_up("crowd::");
}

#[test]
fn f1_f2_restarts_at_random() {
    while_held_up("restarts_at_random::");
}
