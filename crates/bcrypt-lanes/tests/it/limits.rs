//! What is refused, and what the lanes tell of themselves.

use std::error::Error as _;

use bcrypt_lanes::{Cost, Error, Kernel, LaneCount, Lanes, bcrypt};

#[test]
fn costs_run_from_4_to_31() {
    assert_eq!(Cost::try_from(3), Err(Error::CostOutOfRange { cost: 3 }));
    assert_eq!(Cost::try_from(4), Ok(Cost::MIN));
    assert_eq!(Cost::try_from(31), Ok(Cost::MAX));
    assert_eq!(Cost::try_from(32), Err(Error::CostOutOfRange { cost: 32 }));
    assert_eq!(Cost::MAX.iterations(), 1 << 31);
}

#[test]
fn lane_counts_run_from_1_to_6() {
    assert_eq!(LaneCount::try_from(0), Err(Error::LaneCountOutOfRange { lanes: 0 }));
    assert_eq!(LaneCount::try_from(7), Err(Error::LaneCountOutOfRange { lanes: 7 }));
    assert_eq!(LaneCount::all().map(LaneCount::get).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_password_of_73_bytes_is_refused_and_the_lane_stays_free() {
    let mut lanes = Lanes::new(Kernel::Portable, LaneCount::MIN);
    let refused = lanes.join(&[1; 73], &[0; 16], Cost::MIN, "ticket").err();
    let refused = refused.map(|refused| (refused.ticket, refused.error));
    assert_eq!(refused, Some(("ticket", Error::PasswordTooLong { length: 73 })));
    assert!(lanes.is_empty());
    let alone = bcrypt(Kernel::Portable, &[1; 73], &[0; 16], Cost::MIN);
    assert_eq!(alone, Err(Error::PasswordTooLong { length: 73 }));
}

#[test]
fn a_job_that_finds_no_room_gets_its_ticket_back() -> Result<(), Error> {
    let mut lanes = Lanes::new(Kernel::Portable, LaneCount::try_from(2)?);
    for ticket in ["first", "second"] {
        lanes.join(b"", &[0; 16], Cost::MIN, ticket).map_err(|refused| refused.error)?;
    }
    let Err(refused) = lanes.join(b"", &[0; 16], Cost::MIN, "third") else {
        unreachable!("both lanes were taken")
    };
    assert_eq!((refused.ticket, refused.error), ("third", Error::Full));
    assert_eq!(refused.source().map(ToString::to_string).as_deref(), Some("every lane is taken"));
    Ok(())
}

#[test]
fn lanes_tell_who_is_in_progress_and_for_how_long() -> Result<(), Error> {
    let mut lanes = Lanes::new(Kernel::Portable, LaneCount::MAX);
    lanes.join(b"", &[0; 16], Cost::MIN, 'a').map_err(|refused| refused.error)?;
    assert_eq!(lanes.step().next(), None);
    lanes.join(b"", &[0; 16], Cost::try_from(5)?, 'b').map_err(|refused| refused.error)?;
    assert_eq!(lanes.in_progress().collect::<Vec<_>>(), [(&'a', 15), (&'b', 32)]);
    assert_eq!((lanes.len(), lanes.capacity(), lanes.is_full()), (2, 6, false));
    Ok(())
}
