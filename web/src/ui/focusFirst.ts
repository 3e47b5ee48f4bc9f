/**
 * The first field of a dialog's form that can be filled in takes the keyboard; call it once the dialog is open.
 *
 * Not from somebody who did not wait for that: what they type would go on in another field. `wanted`: which field, if
 * not simply the first.
 */
export function focusFirst(form: HTMLElement | string | null, wanted = 'input:not(:disabled), textarea:not(:disabled)'): void {
  const within = typeof form === 'string' ? document.getElementById(form) : form
  if (!within || within.contains(document.activeElement)) return
  within.querySelector<HTMLElement>(wanted)?.focus()
}
