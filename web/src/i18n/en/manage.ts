export default {
  stale: {
    by: '{name} changed and saved this first',
    somebody: 'Somebody else changed and saved this first',
    kept: 'Yours is not saved yet, but everything you typed is still here.',
    look: 'See what they changed',
    choose: '“Save” again puts yours in its place; “Cancel” keeps theirs.',
    same: 'It is the same as yours.',
    theirs: 'Saved by them',
    mine: 'Typed by you',
  },
}
