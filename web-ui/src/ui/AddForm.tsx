/** The form above a list that adds to it: its fields in a row, as far as there is room. */
export function AddForm({ onSubmit, children }: { onSubmit: () => void; children: React.ReactNode }) {
  return (
    <form
      className="flex flex-wrap items-start gap-3 border-b border-line p-4"
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      {children}
    </form>
  );
}
