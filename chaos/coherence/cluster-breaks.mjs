// Mistakes in what only a cluster needs.

/** @type {Record<string, import('./breaks.mjs').Break>} */
export const CLUSTER_BREAKS = {
  'one-bus': {
    what: 'in a cluster: hear one master only, and believe that of all',
    rules: [2, 5],
    faults: [],
    make({ replace }) {
      replace(
        'ClusterTier',
        'weigh',
        () =>
          function () {
            const [first] = this.topology.nodes.values();
            this.trust.until = first?.bus?.until ?? 0;
          },
      );
      replace('NodeCommands', 'close', () => () => {});
      replace(
        'ShardSubscriber',
        'receive',
        (receive) =>
          function (channel, text) {
            const first = this.own.view.ranges[0]?.[0] === 0;
            if (first || channel.includes('!echo')) receive.call(this, channel, text);
          },
      );
    },
  },
  'cluster-no-replay': {
    what: 'in a cluster: forget what a master confirmed before it was lost',
    rules: [1, 2, 3, 5],
    faults: ['failover', 'failover', 'failover'],
    make: ({ replace }) => replace('ClusterLog', 'broken', () => () => {}),
  },
  'cluster-undelivered-dropped': {
    what: 'in a cluster: forget what no master confirmed',
    rules: [1, 2, 3, 5],
    faults: ['failover', 'failover'],
    make: ({ replace }) => replace('ClusterLog', 'keep', () => () => {}),
  },
  'half-cleared': {
    what: 'in a cluster: change the markers of half of the regions',
    rules: [1, 2, 3, 5],
    faults: [],
    make: ({ replace }) =>
      replace(
        'ClusterNames',
        'everywhere',
        (everywhere) =>
          function (markers) {
            return everywhere.call(this, markers).filter((name) => !/^[0-7]:/.test(name));
          },
      ),
  },
};
