//! The example for actors of one's own, run as its first lines say: a campaign of its own against itself.
#![cfg(all(unix, not(target_os = "openbsd")))]

mod support;

use exeunt_testkit::{Process, example};
use support::figure;

#[test]
fn m1_s3_r1_the_shop_of_the_example_holds_every_cent() {
    let shop = Process::new(example("exeunt-chaos", "own_actors"));
    let finished = shop.limit(std::time::Duration::from_secs(600)).run();
    finished.assert_code(0);
    assert_eq!(figure(&finished, "signals"), 60, "{finished}");
    for wrong in ["unaccounted", "hangs", "wrong_status", "missing_reports", "late", "disordered"] {
        assert_eq!(figure(&finished, wrong), 0, "{finished}");
    }
}
