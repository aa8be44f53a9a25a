import { useLayoutEffect, useRef, useState } from 'react';
import type { Worker } from '../../api/gen/types.gen';
import { useNearby } from '../changes/useNearby';
import { parted } from './fleet';
import { WorkerRow } from './WorkerRow';

/** How many workers are drawn or not drawn together. */
const PART = 20;
/** How high a worker is before it was seen. */
const USUAL = 54;

/** The workers of a state. Parts that are far from what is seen are as high as they were, and empty. */
export function WorkerParts({ workers, isFirst }: { workers: Worker[]; isFirst: boolean }) {
  return parted(workers, PART).map((part, at) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: a part is what stands at its place
    <Part key={at} workers={part} isFirst={isFirst && at === 0} />
  ));
}

function Part({ workers, isFirst }: { workers: Worker[]; isFirst: boolean }) {
  const [place, isNear] = useNearby();
  const list = useRef<HTMLUListElement>(null);
  const [height, setHeight] = useState<number>();
  useLayoutEffect(() => {
    const seen = list.current?.offsetHeight;
    if (isNear && seen && seen !== height) setHeight(seen);
  });
  return (
    <div ref={place} data-part style={isNear ? undefined : { height: height ?? workers.length * USUAL }}>
      {isNear && (
        <ul ref={list}>
          {workers.map((worker, at) => (
            <WorkerRow key={worker.session_id} worker={worker} isFirst={isFirst && at === 0} />
          ))}
        </ul>
      )}
    </div>
  );
}
