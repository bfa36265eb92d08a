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
        let mut in_place = in_place(step, forms, &last_use, index);
        let replaced = in_place.map(|(_, residual)| residual);
        for sink in &mut step.sinks {
            let form = forms[sink.slot.0];
            if let Some((_, residual)) = in_place.take_if(|(wanted, _)| *wanted == sink.slot) {
                place[sink.slot.0] = place[residual.0];
                continue;
            }
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
            if replaced != Some(Slot(form)) {
                free.push(place[form].0);
            }
        }
        let map = |slot: &mut Slot| *slot = place[slot.0];
        step.producer.input_mut().into_iter().for_each(map);
        step.residual.iter_mut().for_each(map);
        step.sinks.iter_mut().for_each(|sink| map(&mut sink.slot));
    }
    (shared, place[output.0])
}

/// The float sink of step `index` that can take the place of the residual, value by value, and the residual: if
/// nobody else reads that, now or later. What is read and written then is in the cache once.
fn in_place(step: &Step, forms: &[Virtual], last_use: &[usize], index: usize) -> Option<(Slot, Slot)> {
    let residual = step.residual?;
    let form = forms[residual.0];
    if last_use[residual.0] != index || step.producer.input() == Some(residual) || form.element != Element::Float {
        return None;
    }
    // Of the same shape as the residual, and as long: neither has padding.
    let sink = step.sinks.iter().find(|sink| forms[sink.slot.0] == form)?;
    Some((sink.slot, residual))
}
