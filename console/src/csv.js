// Texts as files, and lists as files for a spreadsheet.

/** Let the browser save rows as CSV (RFC 4180, UTF-8 with a mark that spreadsheets look for). */
export function saveCsv(name, rows, columns) {
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column] ?? ''))];
  const text = lines.map((line) => line.map(cell).join(',')).join('\r\n');
  saveFile(name, `\ufeff${text}\r\n`, 'text/csv');
}

/** Let the browser save a text as a file. */
export function saveFile(name, text, type) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Return a cell; text that a spreadsheet would take for a formula is marked as text. */
export function cell(value) {
  const text = String(value);
  const isNumber = /^-?\d+(\.\d+)?$/.test(text);
  // Some spreadsheets part cells at a semicolon or a tab, whatever the file says.
  const safe = isNumber ? text : text.replace(/(^|[;\t\r\n])(?=[=+\-@\t\r])/g, "$1'");
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
