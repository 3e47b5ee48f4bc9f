export default {
  stale: {
    by: '{name} 已先修改并保存',
    somebody: '他人已先修改并保存',
    kept: '您的内容尚未保存，但都还在这里。',
    look: '看对方改了什么',
    choose: '再按“保存”以您填写的为准，按“取消”保留对方的修改。',
    same: '与您填写的内容相同。',
    theirs: '对方保存的',
    mine: '您填写的',
  },
}
