/** The first field of a dialog's form that can be filled in takes the keyboard; call it once the dialog is open. */
export function focusFirst(formId: string): void {
  document.getElementById(formId)?.querySelector<HTMLElement>('input:not(:disabled), textarea:not(:disabled)')?.focus()
}
