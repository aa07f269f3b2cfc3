//! What the code promises, and that each of its mutants breaks it.

use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use loom::model::Builder;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

use super::scenes::{Call, Woken};

/// Runs it in every order; of those in which more often than so a thread is stopped where it need not
/// stop, none.
fn explore(preemptions: usize, scene: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(scene);
}

/// Whether something is found: what was promised is not so, or somebody sleeps for ever.
fn fails(
    preemptions: usize,
    scene: impl Fn() + Send + Sync + std::panic::UnwindSafe + 'static,
) -> bool {
    catch_unwind(move || explore(preemptions, scene)).is_err()
}

macro_rules! holds {
    ($name:ident: $scenes:ident($($module:ident),*) $preemptions:literal: $($test:ident $scene:ident),*) => {
        #[allow(dead_code)]
        mod $name {
            #[allow(unused_imports)]
            use super::super::{$($module),*};
            use super::*;

            $scenes!($($module)*);

            $(
                #[test]
                fn $test() {
                    explore($preemptions, $scene);
                }
            )*
        }
    };
}

macro_rules! is_missed {
    ($name:ident: $scenes:ident($($module:ident),*): $($test:ident $scene:ident),*) => {
        #[allow(dead_code)]
        mod $name {
            #[allow(unused_imports)]
            use super::super::{$($module),*};
            use super::*;

            $scenes!($($module)*);

            $(
                #[test]
                fn $test() {
                    assert!(fails(2, $scene), "the guard is not missed");
                }
            )*
        }
    };
}

holds!(event: scenes_of_an_event(event) 3:
    d5_who_waits_is_woken wait,
    d5_what_was_before_is_seen look,
    d5_children_are_set_too child,
    d5_futures_are_woken future
);
is_missed!(event_flag_after_wake_up: scenes_of_an_event(event_flag_after_wake_up): the_flag_before_the_wake_up wait);
is_missed!(event_flag_relaxed: scenes_of_an_event(event_flag_relaxed): the_release look);
is_missed!(event_look_relaxed: scenes_of_an_event(event_look_relaxed): the_acquire look);
is_missed!(event_no_wake_up: scenes_of_an_event(event_no_wake_up): the_wake_up wait);
is_missed!(event_child_without_lock: scenes_of_an_event(event_child_without_lock): the_lock_of_the_children child);
is_missed!(event_channel_without_lock: scenes_of_an_event(event_channel_without_lock): the_lock_of_the_channel wait);
is_missed!(event_children_before_flag: scenes_of_an_event(event_children_before_flag): the_flag_before_the_children child);
is_missed!(event_child_of_a_set_one: scenes_of_an_event(event_child_of_a_set_one): the_child_of_a_set_one child);
is_missed!(event_futures_before_flag: scenes_of_an_event(event_futures_before_flag): the_futures_after_the_flag future);
is_missed!(event_future_looks_once: scenes_of_an_event(event_future_looks_once): the_second_look future);

holds!(bell: scenes_of_a_bell(bell) 3: o3_no_ring_is_lost rung);
is_missed!(bell_no_fence: scenes_of_a_bell(bell_no_fence): the_fence rung);
is_missed!(bell_no_fence_of_who_rings: scenes_of_a_bell(bell_no_fence_of_who_rings): the_fence_of_who_rings rung);
is_missed!(bell_no_look_before_sleep: scenes_of_a_bell(bell_no_look_before_sleep): the_look_before_sleep rung);
is_missed!(bell_flag_after_ring: scenes_of_a_bell(bell_flag_after_ring): the_flag_before_the_ring rung);
is_missed!(bell_no_wake_up: scenes_of_a_bell(bell_no_wake_up): the_wake_up rung);
is_missed!(bell_rung_blindly: scenes_of_a_bell(bell_rung_blindly): the_swap_of_who_rings rung);
is_missed!(bell_silenced_blindly: scenes_of_a_bell(bell_silenced_blindly): the_swap_of_who_silences rung);

holds!(queue: scenes_of_a_queue(lane) 3:
    m1_what_is_accepted_is_taken_and_what_is_refused_is_not closes,
    m1_no_door_is_opened_again closes_twice,
    m3_what_one_has_sent_is_taken_in_order in_order,
    r1_nobody_sees_more_than_was_put_in counts
);
is_missed!(lane_door_before_lock: scenes_of_a_queue(lane_door_before_lock): the_lock_around_the_door closes);
is_missed!(lane_counted_late: scenes_of_a_queue(lane_counted_late): the_lock_around_the_count closes);
is_missed!(lane_opened_again: scenes_of_a_queue(lane_opened_again): that_no_door_is_opened_again closes_twice);
is_missed!(lane_newest_first: scenes_of_a_queue(lane_newest_first): the_oldest_chunk_first in_order);
is_missed!(lane_taken_relaxed: scenes_of_a_queue(lane_taken_relaxed): the_release_of_who_takes counts);
is_missed!(lane_len_relaxed: scenes_of_a_queue(lane_len_relaxed): the_acquire_of_who_counts counts);
is_missed!(lane_len_turned_round: scenes_of_a_queue(lane_len_turned_round): the_order_of_who_counts counts);

/// What is put in between a last look and the closing is lost.
#[test]
fn that_the_back_is_held_from_the_last_look_to_the_closing() {
    assert!(fails(2, || queue::closed(false)), "the guard is not missed");
}

holds!(porter: scenes_of_a_porter(porter, lane) 3:
    m1_o3_no_message_and_no_ring_is_slept_through wakes,
    m1_no_message_is_slept_through sleeps,
    m1_for_each_message_one_who_watches_is_called calls
);
is_missed!(porter_look_before_asleep: scenes_of_a_porter(porter_look_before_asleep, lane): the_word_before_the_look wakes);
is_missed!(porter_no_look_before_sleep: scenes_of_a_porter(porter_no_look_before_sleep, lane): the_look_before_the_sleep wakes);
is_missed!(porter_asleep_before_reader: scenes_of_a_porter(porter_asleep_before_reader, lane): the_name_before_the_word wakes);
is_missed!(porter_no_wake_up: scenes_of_a_porter(porter_no_wake_up, lane): the_wake_up wakes);
is_missed!(porter_no_wire_pulled: scenes_of_a_porter(porter_no_wire_pulled, lane): the_wire calls);
is_missed!(porter_watched_without_lock: scenes_of_a_porter(porter_watched_without_lock, lane): the_lock_of_who_watches calls);
is_missed!(porter_unwatched_blindly: scenes_of_a_porter(porter_unwatched_blindly, lane): the_others_who_watch calls);
is_missed!(porter_unseen_watch: scenes_of_a_porter(porter_unseen_watch, lane): the_word_of_who_watches calls);
is_missed!(lane_empty_at_a_glance: scenes_of_a_porter(porter, lane_empty_at_a_glance): the_back_held_by_who_is_to_sleep sleeps, the_back_held_by_who_watches calls);

/// What is passed on nowhere, by who goes, is slept over.
#[test]
fn what_one_was_woken_for_and_does_not_take() {
    assert!(fails(2, || porter::called(false)), "the guard is not missed");
}

holds!(room: scenes_of_room(lane) 3:
    m4_who_waits_for_room_gets_in_when_there_is_some one,
    m4_the_room_of_who_gives_up_is_for_others left,
    m4_who_was_called_in_vain_is_called_again again,
    m4_of_two_who_wait_awake_the_last_calls_who_sleeps crowd,
    m4_who_comes_while_another_is_called_gets_in late
);
holds!(room_for_two: scenes_of_room(lane) 2:
    m4_of_two_who_wait_both_get_in two,
    m4_who_waits_awake_calls_who_sleeps awake
);
is_missed!(lane_unseen: scenes_of_room(lane_unseen): the_word_of_who_waits one);
is_missed!(lane_noted_without_lock: scenes_of_room(lane_noted_without_lock): the_lock_of_who_waits late);
is_missed!(lane_not_woken: scenes_of_room(lane_not_woken): the_call one);
is_missed!(lane_called_for_good: scenes_of_room(lane_called_for_good): that_it_comes_back again);
is_missed!(lane_gone_for_good: scenes_of_room(lane_gone_for_good): that_it_goes left);
is_missed!(lane_nothing_left_for_others: scenes_of_room(lane_nothing_left_for_others): what_it_leaves left);
is_missed!(lane_watched_for_ever: scenes_of_room(lane_watched_for_ever): the_end_of_a_watch awake);
is_missed!(lane_nothing_left_by_who_watched: scenes_of_room(lane_nothing_left_by_who_watched): what_one_has_left_who_waited_awake awake);
is_missed!(lane_awake_while_it_looks: scenes_of_room(lane_awake_while_it_looks): that_it_is_awake_no_more crowd);
is_missed!(lane_taken_unseen: scenes_of_room(lane_taken_unseen): the_second_look_at_what_was_taken one);
is_missed!(lane_room_unseen: scenes_of_room(lane_room_unseen): the_lock_of_who_looks_for_room one);
is_missed!(lane_come_blindly: scenes_of_room(lane_come_blindly): the_look_of_who_comes one);
is_missed!(lane_room_at_a_glance: scenes_of_room(lane_room_at_a_glance): the_look_of_who_has_waited_awake awake);
is_missed!(lane_look_before_taking: scenes_of_room(lane_look_before_taking): the_look_after_the_taking one);
