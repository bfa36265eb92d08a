//! Shares buffers: a slot is free again after the last step that reads it.

use super::step::{Slot, Step};
use super::{Element, SlotSize};

/// A stored form before buffers are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Virtual {
    pub(super) element: Element,
    pub(super) len: usize,
}

/// Replaces the steps' slots (one a stored form) by shared ones. The output is live to the end. Returns the
/// shared slots and the output.
pub(super) fn share(steps: &mut [Step], forms: &[Virtual], output: Slot) -> (Vec<SlotSize>, Slot) {
    let mut last_use = vec![0usize; forms.len()];
    for (index, step) in steps.iter().enumerate() {
        for slot in [step.producer.input(), step.residual].into_iter().flatten() {
            last_use[slot.0] = index;
        }
        for sink in &step.sinks {
            last_use[sink.slot.0] = last_use[sink.slot.0].max(index);
        }
    }
    last_use[output.0] = usize::MAX;
    let mut shared: Vec<SlotSize> = Vec::new();
    // Every form is placed by the step that writes it, before any other step reads it.
    let mut place = vec![Slot(0); forms.len()];
    let mut free: Vec<usize> = Vec::new();
    for (index, step) in steps.iter_mut().enumerate() {
        for sink in &mut step.sinks {
            let form = forms[sink.slot.0];
            // The free buffer of the kind that has to grow least, then the smallest that is enough.
            let fit = |slot: &usize| (form.len.saturating_sub(shared[*slot].len), shared[*slot].len);
            let of_kind = |slot: &&usize| shared[**slot].element == form.element;
            let best = free.iter().filter(of_kind).min_by_key(|slot| fit(slot)).copied();
            let slot = best.unwrap_or_else(|| {
                shared.push(form.into());
                shared.len() - 1
            });
            free.retain(|other| *other != slot);
            shared[slot].len = shared[slot].len.max(form.len);
            place[sink.slot.0] = Slot(slot);
        }
        // A form whose last reader is this step was placed by an earlier one, or by this one.
        for (form, _) in last_use.iter().enumerate().filter(|(_, last)| **last == index) {
            free.push(place[form].0);
        }
        let map = |slot: &mut Slot| *slot = place[slot.0];
        step.producer.input_mut().into_iter().for_each(map);
        step.residual.iter_mut().for_each(map);
        step.sinks.iter_mut().for_each(|sink| map(&mut sink.slot));
    }
    (shared, place[output.0])
}
