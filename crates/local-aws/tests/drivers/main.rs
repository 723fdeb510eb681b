//! One list of cases to which all drivers are held: scripted tasks, real processes, and containers of an
//! engine, which here is a small one of our own.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod docker;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod rig;

/// Makes a test of each case for each driver.
macro_rules! held_by_all {
    ($($case:ident,)*) => {
        #[cfg(test)]
        mod scripted {
            $(
                #[tokio::test(start_paused = true)]
                async fn $case() {
                    crate::cases::$case(crate::rig::Rig::scripted()).await;
                }
            )*
        }

        #[cfg(test)]
        mod process {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$case(crate::rig::Rig::process()).await;
                }
            )*
        }

        #[cfg(test)]
        mod containers {
            $(
                #[tokio::test]
                async fn $case() {
                    crate::cases::$case(crate::rig::Rig::docker().await).await;
                }
            )*
        }
    };
}

held_by_all! {
    a_container_reports_its_start_and_its_exit_code,
    a_stop_ends_a_container_that_heeds_it,
    a_container_that_ignores_the_stop_is_killed_after_its_timeout,
    an_image_that_does_not_exist_cannot_be_pulled,
    a_passing_health_check_makes_a_container_healthy,
    a_failing_health_check_makes_a_container_unhealthy,
    a_container_waits_for_the_success_of_another,
    a_container_waits_for_the_health_of_another,
    every_container_reports_its_end_when_a_task_stops_also_one_that_never_started,
    a_task_that_is_unknown_or_gone_is_not_stopped,
    a_tag_has_a_digest_that_starts_its_program_and_an_image_that_does_not_exist_has_none,
    what_a_container_wrote_is_kept_after_its_end_and_the_newest_lines_come,
    a_container_with_a_restart_policy_runs_again_and_a_stop_is_its_end,
    a_container_that_ran_too_short_or_ended_with_an_ignored_code_is_not_restarted,
    a_failing_check_does_not_restart_a_container,
    a_container_that_can_no_longer_start_says_so,
    what_is_stopped_stops_in_the_reverse_order_of_its_start,
    two_tasks_run_side_by_side_and_one_is_stopped_alone,
}
