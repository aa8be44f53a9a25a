import type { Search } from '../../routes';
import { Button } from '../../ui/Button';
import { inputLook, Select } from '../../ui/Field';
import { ASKS } from './asks';

type HomeFilterProps = {
  search: Search;
  change: (part: Partial<Search>) => void;
  apps: { id: string; name: string }[];
  onClose: () => void;
};

/** Narrows down what waits, by what is asked for and by app, and the apps by their names. */
export default function HomeFilter({ search, change, apps, onClose }: HomeFilterProps) {
  const set = (part: Partial<Search>) => change({ ...part, page: undefined });
  return (
    <search
      aria-label="Filter"
      className="grid items-end gap-2 rounded-lg border border-line bg-panel p-4 [grid-template-columns:repeat(auto-fit,minmax(9rem,1fr))]"
    >
      <Select
        label="Waits for me to"
        value={search.type ?? ''}
        onChange={(event) => set({ type: event.target.value })}
        choices={[
          { value: '', label: 'Do anything' },
          ...Object.entries(ASKS).map(([value, { words }]) => ({ value, label: words })),
        ]}
      />
      <Select
        label="In"
        value={search.app ?? ''}
        onChange={(event) => set({ app: event.target.value })}
        choices={[{ value: '', label: 'Any app' }, ...apps.map(({ id, name }) => ({ value: id, label: name }))]}
      />
      <label className="flex flex-col gap-1 font-medium">
        Apps by name
        <input
          type="search"
          className={`${inputLook} font-normal`}
          value={search.q ?? ''}
          onChange={(event) => set({ q: event.target.value })}
        />
      </label>
      <Button
        look="quiet"
        onPress={() => {
          set({ type: undefined, app: undefined, q: undefined });
          onClose();
        }}
      >
        Clear and close
      </Button>
    </search>
  );
}
