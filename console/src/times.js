// Times are RFC 3339 text in UTC on the wire, and this browser's own time and language on screen.

/** Return a time to read: date and minute, or to the second. */
export function shownTime(text, timeStyle = 'short') {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle }).format(
    new Date(text),
  );
}

/** Return the day of a time in milliseconds. */
export function shownDay(ms) {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' }).format(new Date(ms));
}
